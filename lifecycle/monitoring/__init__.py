"""A model in use, watched: a log of requests, accuracy from few labels, calibration, drift."""
