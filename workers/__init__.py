"""What moves facts from the log to the read side: relay, tasks, schedule."""
