"""Arithmetic that several packages need, each piece once."""
