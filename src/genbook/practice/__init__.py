"""Models at work: tuning, serving, audits, and the way to other machines."""
