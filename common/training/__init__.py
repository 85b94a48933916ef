"""One training from its recipe to what it leaves behind."""
