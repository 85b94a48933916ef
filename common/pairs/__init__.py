"""Pairs of pictures: read, scored, blended and written as a submission."""
