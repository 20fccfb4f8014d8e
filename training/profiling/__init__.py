"""What a model costs where it runs: parameters, operations, bytes, memory, time, energy."""

from .latency import Latency, LatencyRatio, compare_latency, compare_renewed, measure_latency
from .measure import Profile, compare, profile

__all__ = [
    "Latency",
    "LatencyRatio",
    "Profile",
    "compare",
    "compare_latency",
    "compare_renewed",
    "measure_latency",
    "profile",
]
