"""p_model: one folder a family. Import the family you want by its module."""
