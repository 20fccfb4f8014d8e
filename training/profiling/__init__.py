"""What a model costs where it runs: parameters, operations, bytes, memory, time, energy."""

from .latency import Latency, LatencyRatio, compare_latency, measure_latency
from .measure import Profile, compare, profile

__all__ = [
    "Latency",
    "LatencyRatio",
    "Profile",
    "compare",
    "compare_latency",
    "measure_latency",
    "profile",
]
