"""Models at work: what lies between a trained model and somebody who uses it."""
