"""The fault suite: while votes arrive, one thing is broken and mended, and every answer is compared with the count."""
