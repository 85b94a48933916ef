"""One run: its state, its pushes, its outputs and its one submission."""
