"""The admin: polls as organisers see them, and accounts. It counts from tallies and changes polls through the write side's commands."""
