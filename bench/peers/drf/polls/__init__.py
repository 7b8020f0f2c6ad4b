"""Polls, votes and their counters."""
