"""What only the book needs: claims, tables, figures, and how its models are trained."""
