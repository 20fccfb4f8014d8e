"""Text models on hashed token ids.

``hashed_embedding`` is the bag of hashed n-grams of Joulin et al., "Bag of Tricks for Efficient
Text Classification", 2016, with one hidden layer. ``text_cnn`` slides filters over the words in
their order (Kim, "Convolutional Neural Networks for Sentence Classification", 2014).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .network import CompactModel, conv_bn_relu
from .spec import ModelSpec

# Vectors of tokens that no training row has stay as they were made, and new rows have many:
# of normal length they are noise as loud as what was learnt (benchmarks/training_small_text.py).
START = 0.03


def folded(tokens: Tensor, vocabulary: int) -> Tensor:
    """Fold hashed ids into a table of `vocabulary` rows; padding stays 0.

    So a small student reads the ids that were made for a teacher with a larger table, and no id
    is out of range.
    """
    # The remainder has the sign of its dividend: 0 becomes −1 and 0 again.
    return torch.fmod(tokens - 1, vocabulary - 1) + 1


class TokenBag(nn.Module):
    """The vectors of a row's tokens, added and divided by the root of their number.

    The root keeps long texts and short ones at one length, since n-gram vectors add up like random
    directions. Id 0 is padding and does not count.

    Parameters
    ----------
    vocabulary : int
        Rows of the table, padding included.
    size : int
        Length of a vector.
    """

    def __init__(self, vocabulary: int, size: int) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.table = nn.Embedding(vocabulary, size, padding_idx=0)
        with torch.no_grad():
            self.table.weight.mul_(START)

    def forward(self, tokens: Tensor) -> Tensor:
        """From token ids int64 (n, length) to float32 (n, size); a row without tokens gives 0."""
        count = (tokens != 0).sum(1, keepdim=True).clamp(min=1)
        total: Tensor = self.table(folded(tokens, self.vocabulary)).sum(1)
        return total / count.float().sqrt()


class WordGrid(nn.Module):
    """Word vectors as an image of height 1, float32 (n, size, 1, length), for convolutions."""

    def __init__(self, vocabulary: int, size: int) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.table = nn.Embedding(vocabulary, size, padding_idx=0)

    def forward(self, tokens: Tensor) -> Tensor:
        """Look the tokens up, int64 (n, length); padding gives zeros."""
        vectors: Tensor = self.table(folded(tokens, self.vocabulary))
        return vectors.transpose(1, 2).unsqueeze(2)


class WordConvolution(nn.Module):
    """A residual convolution over three neighboring words."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(channels, channels, (1, 3), padding=(0, 1), bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the same shape as `inputs`, float32 (n, channels, 1, length)."""
        return torch.relu(self.block(inputs) + inputs)


def build_hashed_embedding(spec: ModelSpec) -> CompactModel:
    """Build ``hashed_embedding``: bag of token vectors, one hidden layer of 4 · width units."""
    hidden = 4 * spec.width
    return CompactModel(
        spec,
        normalize=nn.Identity(),
        features=nn.Sequential(
            TokenBag(spec.vocabulary, spec.width),
            nn.BatchNorm1d(spec.width),
            nn.Linear(spec.width, hidden),
            nn.ReLU(),
            nn.Dropout(spec.dropout),
        ),
        head=nn.Linear(hidden, spec.num_classes),
    )


def build_text_cnn(spec: ModelSpec) -> CompactModel:
    """Build ``text_cnn``: word vectors, two residual convolutions, the largest value over words."""
    width = spec.width
    return CompactModel(
        spec,
        normalize=nn.Identity(),
        features=nn.Sequential(
            WordGrid(spec.vocabulary, width),
            conv_bn_relu(width, 2 * width, kernel=1),
            WordConvolution(2 * width),
            WordConvolution(2 * width),
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(1),
            nn.Dropout(spec.dropout),
        ),
        head=nn.Linear(2 * width, spec.num_classes),
    )
