"""Sets, ways and tables of `headline.py`."""
