"""One folder a competition, found by its place: kernels/plan/find.py."""
