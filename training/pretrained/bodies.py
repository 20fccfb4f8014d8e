"""Pretrained networks without their classification layer, each with its preparation of a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from thresher.core.counted import counted
from thresher.core.encoders.from_transformers import count_longer
from thresher.core.encoders.lengths import said_of_cuts
from thresher.core.errors import InputError
from thresher.core.progress import message

_LARGEST_PIXEL = 255.0
Vectors = Callable[[nn.Module, Tensor], Tensor]
TextVectors = Callable[[nn.Module, dict[str, Tensor]], Tensor]


class ImageBody(nn.Module):
    """A network on images; resizing and normalization are inside.

    Parameters
    ----------
    network : nn.Module
    vectors : callable
        From the network and pixels, float32 (n, 3, size, size), to float32 (n, d).
    size : int
        Side in pixels that the network was trained with.
    mean, std : sequence of float
        Of red, green and blue, for values from 0 to 1.
    """

    modality = "image"
    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        network: nn.Module,
        vectors: Vectors,
        *,
        size: int,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        super().__init__()
        self.network = network
        self.of_network = vectors
        self.size = size
        color = {"mean": torch.tensor(mean), "scale": 1 / torch.tensor(std)}
        for name, value in color.items():
            self.register_buffer(name, value.float().view(1, 3, 1, 1), persistent=False)
        self.preprocessing: dict[str, Any] = {
            "kind": "image",
            "size": size,
            "layout": "NCHW",
            "dtype": "uint8",
            "colors": "RGB",
        }

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one row, as the network was trained; other sizes are resized."""
        return (3, self.size, self.size)

    def forward(self, images: Tensor) -> Tensor:
        """From pixel values 0–255, (n, 3, h, w), to float32 (n, d)."""
        pixels = images.float() / _LARGEST_PIXEL
        if pixels.shape[2:] != (self.size, self.size):
            shrinks = min(pixels.shape[2:]) > self.size
            pixels = F.interpolate(
                pixels, size=(self.size, self.size), mode="bilinear", antialias=shrinks
            )
        return self.of_network(self.network, (pixels - self.mean) * self.scale)

    def prepare(self, values: Any) -> np.ndarray:
        """Check images, uint8 (n, h, w, 3), which need no preparation."""
        images = np.asarray(values)
        if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
            raise InputError(
                f"Images must be uint8 (n, height, width, 3), all of one size; got {images.dtype}"
                f" {images.shape}. `thresher.core.images.read_images` reads them so."
            )
        return images

    def check(self, inputs: Tensor) -> None:
        """Raise unless `inputs` are images."""
        if inputs.ndim != 4 or inputs.shape[1] != 3:
            raise InputError(
                f"The model takes images (n, 3, height, width), got shape {tuple(inputs.shape)}."
            )


class TextBody(nn.Module):
    """A network on token ids; the tokenizer is part of it.

    A row holds the tokenizer's ids plus 1, and 0 where the text has ended, so that one tensor
    says which tokens there are.

    Parameters
    ----------
    network : nn.Module
    vectors : callable
        From the network, ``input_ids`` and ``attention_mask`` to float32 (n, d).
    tokenizer : callable
        Of the transformers library.
    max_tokens : int
        Longer texts are cut.
    source : str
        Where the tokenizer came from, for the exported model's description.
    """

    modality = "text"

    def __init__(
        self,
        network: nn.Module,
        vectors: TextVectors,
        *,
        tokenizer: Any,
        max_tokens: int,
        source: str,
    ) -> None:
        super().__init__()
        self.network = network
        self.of_network = vectors
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.vocabulary = len(tokenizer)
        self.padding = int(getattr(tokenizer, "pad_token_id", None) or 0)
        self.preprocessing: dict[str, Any] = {
            "kind": "text",
            "pretrained_tokenizer": {"source": source, "max_tokens": max_tokens, "added": 1},
        }

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return (self.max_tokens,)

    def forward(self, tokens: Tensor) -> Tensor:
        """From ids plus 1, int64 (n, tokens), to float32 (n, d); a row without tokens gives 0."""
        present = tokens != 0
        if not torch.compiler.is_compiling():
            longest = int(present.any(0).sum().clamp(min=1))
            tokens, present = tokens[:, :longest], present[:, :longest]
        some = present.any(1, keepdim=True)
        ids = torch.where(present, tokens - 1, self.padding)
        # Attention over nothing is not a number; the row's vector is put to 0 instead.
        first = torch.zeros_like(present)
        first[:, :1] = ~some
        batch = {"input_ids": ids, "attention_mask": (present | first).long()}
        return self.of_network(self.network, batch) * some

    def prepare(self, values: Sequence[str]) -> np.ndarray:
        """Return token ids plus 1, int64 (n, max_tokens), 0 after the end of a text."""
        texts = [str(value) for value in values]
        empty = sum(not text.strip() for text in texts)
        if empty:
            message(
                f"{empty} of {counted(len(texts), 'text is', 'texts are')} empty; the model sees "
                "no word of them"
            )
        rows = np.zeros((len(texts), self.max_tokens), dtype=np.int64)
        if texts:
            found = self.tokenizer(texts, truncation=True, max_length=self.max_tokens)["input_ids"]
            for row, ids in zip(rows, found, strict=True):
                row[: len(ids)] = np.asarray(ids, dtype=np.int64) + 1
            full = [texts[at] for at, ids in enumerate(found) if len(ids) >= self.max_tokens]
            cut = count_longer(full, self.tokenizer, longest=self.max_tokens)
            if cut:
                message(said_of_cuts(cut, self.max_tokens))
        return rows

    def check(self, inputs: Tensor) -> None:
        """Raise unless `inputs` can be ids of this tokenizer."""
        fits = inputs.ndim == 2 and inputs.shape[1] == self.max_tokens
        if not fits or inputs.is_floating_point():
            raise InputError(
                f"The model takes token ids (n, {self.max_tokens}) of its own tokenizer, got "
                f"{inputs.dtype} {tuple(inputs.shape)}. Make them with `model.samples(texts, …)`."
            )
        if len(inputs) and (int(inputs.max()) > self.vocabulary or int(inputs.min()) < 0):
            raise InputError(
                f"There are token ids outside of 0 … {self.vocabulary}, so these rows are not "
                "of the model's own tokenizer. Make them with `model.samples(texts, …)`."
            )
