"""What a run found, for people: goals, tables, charts."""
