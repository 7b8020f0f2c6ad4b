"""Systems that a team might have built instead of Nexus, and how the harness runs them."""
