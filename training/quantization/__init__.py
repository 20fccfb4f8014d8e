"""Quantization: integers in place of floats, simulated so that training can adapt to them."""

from .calibration import calibrate
from .model import LayerBits, QuantizedModel
from .prepare import prepare
from .quantize import quantize
from .sensitivity import layer_sensitivity

__all__ = ["LayerBits", "QuantizedModel", "calibrate", "layer_sensitivity", "prepare", "quantize"]
