"""Discriminative models: p(y | x), the label given the observation."""
