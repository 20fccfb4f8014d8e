"""Parts of ``benchmarks/advise.py``."""
