"""A real election, run again through Nexus: a client of the HTTP API and nothing more."""
