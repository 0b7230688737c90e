"""Recipes for autoregressive models."""

from __future__ import annotations
