"""Quality of texts: what is damaged, left over, private, repeated, out of order or out of place."""
