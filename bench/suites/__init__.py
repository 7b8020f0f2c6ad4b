"""The parts of a run, each a function that measures and writes into the book."""
