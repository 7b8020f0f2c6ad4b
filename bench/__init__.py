"""The benchmark harness: Nexus, its peers and the ceilings above them, measured in one run on the same work."""
