"""All checks over one data set, with the habits of scikit-learn: `Curator`."""

from __future__ import annotations

from thresher.core.moved import moved_names

__getattr__ = moved_names(__name__, "curator")
