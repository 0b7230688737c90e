"""The Sphinx extensions that turn the chapters into a site, a PDF, an EPUB and notebooks."""
