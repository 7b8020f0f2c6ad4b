"""The servers and processes that `make run` starts, watches and stops."""
