"""Rules by which published corpora chose pages of the web, with their published limits."""
