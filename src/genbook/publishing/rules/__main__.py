"""``python -m genbook.publishing.rules``: list what breaks a rule."""

from genbook.publishing.rules import main

if __name__ == "__main__":
    raise SystemExit(main())
