"""The files that one kernel writes for another and for the report."""
