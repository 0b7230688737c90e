"""The Sphinx extensions: chapters to a site, a PDF, an EPUB and notebooks."""
