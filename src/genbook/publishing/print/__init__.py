"""The book on paper and on a reader: LaTeX, PDF and EPUB."""
