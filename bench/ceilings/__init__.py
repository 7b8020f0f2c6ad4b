"""What the machine, or our server, can do at all: the limits above every system here."""
