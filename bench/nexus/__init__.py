"""Nexus as a system under test: its own processes, filled through its own code."""
