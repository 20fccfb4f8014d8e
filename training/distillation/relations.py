"""Which rows of a batch a network finds alike: knowledge that needs no equal sizes.

Tung & Mori, "Similarity-Preserving Knowledge Distillation", 2019: student and teacher compare all
rows of a batch by their last hidden vectors, and the student is to find the same rows alike. No
projection between the two widths has to be learned and thrown away.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from thresher.core.errors import InputError


class LastHidden:
    """Keeps the vectors that enter a model's last linear layer, until it is closed.

    Parameters
    ----------
    model : nn.Module
        Its last `nn.Linear` is taken for the head.
    """

    def __init__(self, model: nn.Module) -> None:
        heads = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
        if not heads:
            raise InputError("`relations` looks at the last linear layer, and there is none.")
        self.vectors: Tensor | None = None
        self._watch = heads[-1].register_forward_pre_hook(self._keep)

    def _keep(self, _layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.vectors = inputs[0]

    def close(self) -> None:
        """Stop watching."""
        self.vectors = None
        self._watch.remove()


def similarity_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Return how far the rows' similarities are apart, float32 (b,).

    Parameters
    ----------
    student : Tensor
        Vectors of the batch, float (b, d).
    teacher : Tensor
        Of the same rows, float (b, e).
    """
    difference = _similarities(student) - _similarities(teacher)
    return difference.square().sum(1)


def _similarities(vectors: Tensor) -> Tensor:
    flat = vectors.flatten(1).float()
    return F.normalize(flat @ flat.T, dim=1)
