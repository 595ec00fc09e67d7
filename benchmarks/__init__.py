"""What sending events in bulk costs, and what importing the package costs. See README.md."""
