"""What must hold before the first push."""
