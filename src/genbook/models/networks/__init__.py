"""Networks and their parts, which several families use."""
