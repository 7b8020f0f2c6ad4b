"""The read side: poll cards, tallies, rendered results and what serves them."""
