"""Diffusion, flow matching and bridges: Gaussian paths from data to noise."""
