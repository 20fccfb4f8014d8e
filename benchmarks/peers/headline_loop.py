"""A plain PyTorch loop as tutorials write it, and ONNX Runtime's static quantization."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import albumentations as A
import numpy as np
import torch
from onnxruntime.quantization import QuantFormat, QuantType, quant_pre_process, quantize_static
from torch import nn
from torch.nn.functional import cross_entropy

from training import compact_model
from training.torch_runtime.flops import count_flops

CALIBRATION, BATCH = 512, 64
# Of SGD with momentum for pictures; else AdamW has the rates that the recipe has.
SGD_LR, SGD_DECAY, MOMENTUM = 0.1, 5e-4, 0.9
FORWARD_AND_BACKWARD = 3


def train(inputs: np.ndarray, codes: np.ndarray, job: dict[str, Any]) -> tuple[nn.Module, float]:
    """Train the network that all ways have, for as many epochs; return it and its operations."""
    shape = tuple(job["input_shape"])
    torch.manual_seed(job["seed"])
    network = compact_model(
        job["model"],
        num_classes=job["classes"],
        input_shape=shape,
        width=job["width"],
        random_state=job["seed"],
    )
    images, epochs = inputs.ndim == 4, int(job["epochs"])
    size = int(job["batch_size"])
    steps = -(-len(inputs) // size)
    if images:
        rule: torch.optim.Optimizer = torch.optim.SGD(
            network.parameters(), SGD_LR, MOMENTUM, weight_decay=SGD_DECAY, nesterov=True
        )
    else:
        rule = torch.optim.AdamW(network.parameters(), job["lr"], weight_decay=job["weight_decay"])
    rate = torch.optim.lr_scheduler.OneCycleLR(
        rule, max_lr=rule.param_groups[0]["lr"], total_steps=epochs * steps
    )
    labels = torch.from_numpy(codes)
    network.train()
    for epoch in range(epochs):
        for rows, places in _batches(inputs, size, seed=(job["seed"], epoch), images=images):
            loss = cross_entropy(
                network(rows), labels[places], label_smoothing=job["label_smoothing"]
            )
            rule.zero_grad()
            loss.backward()
            rule.step()
            rate.step()
    forward = count_flops(network, input_shape=shape)
    return network.eval(), FORWARD_AND_BACKWARD * forward * len(inputs) * epochs


def _batches(
    inputs: np.ndarray, size: int, *, seed: tuple[int, int], images: bool
) -> Iterator[tuple[torch.Tensor, np.ndarray]]:
    order = np.random.default_rng(seed).permutation(len(inputs))
    side = inputs.shape[1] if images else 0
    change = (
        A.Compose(
            [
                A.PadIfNeeded(side + side // 4, side + side // 4, border_mode=4),
                A.RandomCrop(side, side),
                A.HorizontalFlip(p=0.5),
            ],
            seed=seed[0] * 1000 + seed[1],
        )
        if images
        else None
    )
    for start in range(0, len(order), size):
        places = order[start : start + size]
        rows = inputs[places]
        if change is not None:
            rows = np.stack([change(image=row)["image"] for row in rows]).transpose(0, 3, 1, 2)
        yield torch.from_numpy(np.ascontiguousarray(rows)), places


def quantized_file(network: nn.Module, inputs: np.ndarray, file: Path, *, seed: int) -> None:
    """Export, and quantize with the arguments that are fast on x86."""
    chosen = np.random.default_rng(seed).permutation(len(inputs))[:CALIBRATION]
    rows = inputs[chosen]
    rows = np.ascontiguousarray(rows.transpose(0, 3, 1, 2) if inputs.ndim == 4 else rows)
    plain, prepared = file.with_suffix(".float.onnx"), file.with_suffix(".prepared.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.from_numpy(rows[:2]),),
            str(plain),
            input_names=["input"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            external_data=False,
        )
    try:
        quant_pre_process(str(plain), str(prepared))
    except TypeError:  # symbolic shapes stop at the reshaping of a text network
        quant_pre_process(str(plain), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared),
        str(file),
        _Reader(rows),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        per_channel=True,
    )


class _Reader:
    """Calibration rows in batches, as ONNX Runtime asks for them."""

    def __init__(self, rows: np.ndarray) -> None:
        self.parts = iter(np.array_split(rows, max(1, len(rows) // BATCH)))

    def get_next(self) -> dict[str, np.ndarray] | None:
        part = next(self.parts, None)
        return None if part is None else {"input": part}
