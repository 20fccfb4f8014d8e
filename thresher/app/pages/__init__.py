"""Pages for people: each one file, no network, no script."""
