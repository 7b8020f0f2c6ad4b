"""One view per page; each reads, calls one function of the write or the read side, and renders."""
