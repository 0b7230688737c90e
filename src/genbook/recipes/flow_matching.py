"""Recipes for flow matching."""

from __future__ import annotations
