"""Recipes for bridges between diffusion models."""

from __future__ import annotations
