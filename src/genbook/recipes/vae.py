"""Recipes for variational autoencoders."""

from __future__ import annotations
