"""What the checks find in a user's data: rows are read, searched, decided about and shown."""
