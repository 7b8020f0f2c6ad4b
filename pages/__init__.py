"""What people look at: HTML pages and the admin."""
