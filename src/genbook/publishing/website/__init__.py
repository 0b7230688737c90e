"""The website: its theme, its formulas, its figures, light and dark."""
