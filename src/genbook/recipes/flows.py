"""Recipes for normalizing flows."""

from __future__ import annotations
