"""What a training is told: its fields, their ranges, its schedules and its hours."""
