"""One training from its recipe to what it writes."""
