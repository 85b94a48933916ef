"""What the kernels of every competition share. Imports nothing else of this project."""
