"""What is measured of predictions, in plain numpy, and the figures of it."""
