"""The model card: what the exported folder says about itself to a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thresher.core.counted import counted
from thresher.core.exported.portability import PORTABLE_TOP, weight_bound

_SHOWN = 20
_INTEGER = 8


def model_card(
    record: Mapping[str, Any], *, name: str, metrics: Mapping[str, float] | None = None
) -> str:
    """Return Markdown.

    Parameters
    ----------
    record : mapping
        The content of ``export.json``.
    name : str
    metrics : mapping of str to float, optional
        Measured numbers to list, for example ``{"test accuracy": 0.91}``.
    """
    classes = record["classes"]
    more = f" … ({len(classes)} in all)" if len(classes) > _SHOWN else ""
    shape = ", ".join(map(str, record["input"]["shape"]))
    lines = [
        f"# {name}",
        "",
        f"ONNX model with {counted(len(classes), 'class', 'classes')}, "
        f"{record['size_bytes'] / 1e3:.0f} KB"
        f" ({counted(record['costs']['parameters'], 'parameter')}),"
        f" written by Thresher {record['thresher']}.",
        "",
        f"- Input `input`: {record['input']['dtype']} (n, {shape}). Normalization is inside.",
        f"- Output `logits`: float32 (n, {len(classes)}); softmax gives probabilities.",
        f"- Classes: {', '.join(classes[:_SHOWN])}{more}",
        f"- {_quantization_line(record)}",
        *_range_lines(record),
        f"- Operators as ONNX Runtime runs them: {record['fused']['integer']} integer and "
        f"{record['fused']['floating']} float convolutions and matrix products.",
    ]
    lines += [f"- Preparation of a row: `{record['preprocessing']}`"] * bool(
        record["preprocessing"]
    )
    if metrics:
        lines += ["", "| measured | value |", "|---|---|"]
        lines += [f"| {key} | {value:.4g} |" for key, value in metrics.items()]
    lines += [
        "",
        "```python",
        "from training import load_exported",
        "",
        'model = load_exported("this/folder")',
        "model.predict_classes(inputs)",
        "```",
        "",
        "Confidence falls on inputs unlike the training rows; the model does not say so.",
    ]
    return "\n".join(lines) + "\n"


def _quantization_line(record: Mapping[str, Any]) -> str:
    quantization = record["quantization"]
    if quantization is None:
        return "Precision: float32."
    kept = ", ".join(quantization["float_layers"]) or "none"
    bits = sorted({bits for bits in quantization["layer_bits"].values() if bits <= _INTEGER})
    rounded = quantization["rounded_to"] or [quantization["activation_bits"]]
    weights, activations = (" and ".join(map(str, each)) for each in (bits, rounded))
    return (
        f"Precision: {weights}-bit weights, {activations}-bit activations. Layers in float: {kept}."
    )


def _range_lines(record: Mapping[str, Any]) -> list[str]:
    bound = weight_bound(record["quantization"])
    if not bound:
        return []
    start = f"- Integer weights of convolutions and linear layers lie within ±{bound}: "
    if bound <= PORTABLE_TOP:
        return [f"{start}no integer kernel saturates, and every processor gives the same sums."]
    return [
        f"{start}exact on x86 processors with VNNI and on Arm. On others sums saturate and answers "
        "differ; quantize with `weight_range='portable'` for those."
    ]
