"""Codes without a density: principal components and autoencoders."""
