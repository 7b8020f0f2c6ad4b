"""The write side: polls and their rules, casting a vote, the vote log."""
