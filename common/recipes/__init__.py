"""The settings of a training: its fields, their ranges, its schedules and its hours."""
