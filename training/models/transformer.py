"""A small transformer encoder on hashed token ids.

Vaswani et al., "Attention Is All You Need", 2017, with the norm before each part (Xiong et al.,
"On Layer Normalization in the Transformer Architecture", 2020), which trains without warm-up. It
takes time in the square of the tokens; on short texts and few rows ``hashed_embedding`` is as good
and far cheaper. When quantized, the table and the linear layers become integers; norms, softmax
and the products of attention stay float.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .network import CompactModel
from .spec import ModelSpec
from .text import folded

LAYERS, HEADS = 2, 4
_MINUS = -1e4


class Words(nn.Module):
    """Vectors of tokens with those of their places; a last column marks padding.

    Parameters
    ----------
    vocabulary, length, size : int
        Rows of the table, most tokens, length of a vector.
    """

    def __init__(self, vocabulary: int, length: int, size: int) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.table = nn.Embedding(vocabulary, size, padding_idx=0)
        self.places = nn.Parameter(torch.randn(length, size) * 0.02)
        with torch.no_grad():
            self.table.weight.mul_(0.05)

    def forward(self, tokens: Tensor) -> Tensor:
        """From token ids int64 (n, length) to float32 (n, length, size + 1)."""
        vectors = self.table(folded(tokens, self.vocabulary)) + self.places
        present = (tokens != 0).unsqueeze(2).to(vectors.dtype)
        return torch.cat([vectors, present], dim=2)


class Encoder(nn.Module):
    """Blocks of attention and two linear layers, then the mean over the tokens that are there.

    Parameters
    ----------
    size, heads, layers : int
    dropout : float
    """

    def __init__(self, size: int, *, heads: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(size, heads, dropout=dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(size)

    def forward(self, words: Tensor) -> Tensor:
        """From `Words`, float32 (n, length, size + 1), to float32 (n, size); no token gives 0."""
        state, present = words[:, :, :-1], words[:, :, -1:]
        blocked = (1 - present.transpose(1, 2)).unsqueeze(1) * _MINUS
        for block in self.blocks:
            state = block(state, blocked)
        count = present.sum(1).clamp(min=1)
        mean: Tensor = (self.norm(state) * present).sum(1) / count
        return mean


class Product(nn.Module):
    """A matrix product as a layer, so that each one of an exported file has a name of its own."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Multiply the last two axes."""
        return torch.matmul(first, second)


class Block(nn.Module):
    """One layer of the encoder."""

    def __init__(self, size: int, heads: int, *, dropout: float) -> None:
        super().__init__()
        self.heads, self.of_head = heads, size // heads
        self.before, self.between = nn.LayerNorm(size), nn.LayerNorm(size)
        self.query, self.key, self.value = (nn.Linear(size, size) for _ in range(3))
        self.scores, self.blend = Product(), Product()
        self.mixed = nn.Linear(size, size)
        self.wide, self.back = nn.Linear(size, 2 * size), nn.Linear(2 * size, size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, state: Tensor, blocked: Tensor) -> Tensor:
        """Return the same shape as `state`, float32 (n, length, size).

        `blocked`, float32 (n, 1, 1, length), is added to the scores: 0, or very negative.
        """
        state = state + self.dropout(self._attend(self.before(state), blocked))
        wide = torch.relu(self.wide(self.between(state)))
        following: Tensor = state + self.dropout(self.back(wide))
        return following

    def _attend(self, state: Tensor, blocked: Tensor) -> Tensor:
        query, key, value = (
            self._split(part(state)) for part in (self.query, self.key, self.value)
        )
        scores = self.scores(query, key.transpose(2, 3)) / math.sqrt(self.of_head)
        mixed = self.blend(torch.softmax(scores + blocked, dim=3), value)
        joined: Tensor = self.mixed(mixed.transpose(1, 2).flatten(2))
        return joined

    def _split(self, part: Tensor) -> Tensor:
        heads = part.reshape(part.shape[0], part.shape[1], self.heads, self.of_head)
        return heads.transpose(1, 2)


def build_text_transformer(spec: ModelSpec) -> CompactModel:
    """Build ``text_transformer``: two layers, four heads, vectors of `width` in fours."""
    size = HEADS * math.ceil(spec.width / HEADS)
    return CompactModel(
        spec,
        normalize=nn.Identity(),
        features=nn.Sequential(
            Words(spec.vocabulary, spec.input_shape[0], size),
            Encoder(size, heads=HEADS, layers=LAYERS, dropout=min(0.1, spec.dropout)),
            nn.Dropout(spec.dropout),
        ),
        head=nn.Linear(size, spec.num_classes),
    )
