"""p_model: one file a family. Import the family you want by its module."""
