"""Normalizing flows: invertible maps of a simple density."""
