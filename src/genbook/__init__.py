"""genbook: generative models, small and exact, and the book that runs them."""

__version__ = "0.1.0"
