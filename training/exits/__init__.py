"""Early exit and cascades: easy rows leave early, hard ones go the whole way."""

from .cascade import Cascade
from .exit_model import ExitLoss, ExitModel, with_exits
from .exported import ExportedExits, export_exits, load_exits
from .rule import CurvePoint, ExitRule, choose_rule, exit_curve
from .staged import StagedPrediction, all_stages, predict_staged

__all__ = [
    "Cascade",
    "CurvePoint",
    "ExitLoss",
    "ExitModel",
    "ExitRule",
    "ExportedExits",
    "StagedPrediction",
    "all_stages",
    "choose_rule",
    "exit_curve",
    "export_exits",
    "load_exits",
    "predict_staged",
    "with_exits",
]
