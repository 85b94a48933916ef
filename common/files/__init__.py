"""The files that one kernel leaves for another and for the report, written and read."""
