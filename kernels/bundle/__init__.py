"""What is pushed: one folder a kernel."""
