"""Recipes for generative adversarial networks."""

from __future__ import annotations
