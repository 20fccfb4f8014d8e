"""Quantization: integers in place of floats, simulated so that training can adapt to them."""

from .calibration import calibrate
from .model import LayerBits, QuantizedModel
from .prepare import prepare
from .quantize import quantize

__all__ = ["LayerBits", "QuantizedModel", "calibrate", "prepare", "quantize"]
