"""Recipes for diffusion models."""

from __future__ import annotations
