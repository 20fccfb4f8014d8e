"""Label Studio: a project kept in step with a session, its files, and its protocol for models."""
