"""The chapters' code: what it depends on, when it runs, and what it showed."""
