"""Exercise schedules."""
