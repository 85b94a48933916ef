"""What kernels wrote, read once: scores, history."""
