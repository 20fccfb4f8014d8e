"""Two models compared while in use: sequences that may be looked at at any time, shadow, canary."""
