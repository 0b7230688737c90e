"""Still lifes: captions from a grammar, and pictures from what they say."""
