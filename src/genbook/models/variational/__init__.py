"""Variational autoencoders: a latent variable and a bound."""
