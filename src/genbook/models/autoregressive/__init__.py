"""Autoregressive models: one feature, pixel or word after another."""
