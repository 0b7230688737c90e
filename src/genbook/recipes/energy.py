"""Recipes for energy-based models."""

from __future__ import annotations
