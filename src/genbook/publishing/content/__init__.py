"""What the book says, in whatever form it comes out: sources, numbers, statements."""
