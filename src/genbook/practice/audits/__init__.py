"""Audits: what a model remembers, whom it favours, how it is marked, what it costs."""
