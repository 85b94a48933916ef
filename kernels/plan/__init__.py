"""What a person asked for, and the kernels that it takes."""
