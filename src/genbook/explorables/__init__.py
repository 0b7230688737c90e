"""Small interactive figures that run in the reader's page, with a static fallback."""
