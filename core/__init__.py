"""What every part stands on: settings, wiring, ports, events, errors, accounts, metrics."""
