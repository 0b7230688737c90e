"""Energy-based models, and the Markov chains that sample them."""
