"""Results to take away: CSV, JSON and a report in PDF, all as attachments."""
