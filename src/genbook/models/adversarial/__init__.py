"""Generative adversarial networks: a generator and a discriminator."""
