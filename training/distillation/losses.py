"""How far a student's logits are from its teacher's, one number a row.

`knowledge_distillation`: Hinton et al., "Distilling the Knowledge in a Neural Network", 2015.
`decoupled`: Zhao et al., "Decoupled Knowledge Distillation", 2022. `relational`: Huang et al.,
"Knowledge Distillation from A Stronger Teacher", 2022 (DIST). `standardized`: Sun et al., "Logit
Standardization in Knowledge Distillation", 2024.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

DistillationLoss = Callable[[Tensor, Tensor, Tensor, float], Tensor]
_NON_TARGET_WEIGHT = 2.0
_SMALL = 1e-7


def knowledge_distillation(
    student: Tensor, teacher: Tensor, targets: Tensor, temperature: float
) -> Tensor:
    """Return T² · KL(teacher ‖ student) at temperature T, float32 (b,).

    Parameters
    ----------
    student, teacher : Tensor
        Logits, float32 (b, classes).
    targets : Tensor
        Class codes, int64 (b,); not used here.
    temperature : float
    """
    del targets
    return temperature**2 * _divergence(student / temperature, teacher / temperature)


def decoupled(student: Tensor, teacher: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Weigh target against rest, and the rest among itself, apart; float32 (b,).

    The second part counts twice here: the published 8 needs long runs with a warm-up.
    """
    given = F.one_hot(targets, student.shape[1]).bool()
    log_s = (student / temperature).log_softmax(1)
    log_t = (teacher / temperature).log_softmax(1)
    target_part = _divergence(_two_way(log_s, given), _two_way(log_t, given))
    lowest = torch.finfo(torch.float32).min / 4
    rest_part = _divergence(log_s.masked_fill(given, lowest), log_t.masked_fill(given, lowest))
    return temperature**2 * (target_part + _NON_TARGET_WEIGHT * rest_part)


def relational(student: Tensor, teacher: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Return T² · (1 − correlation), within each row plus within each class, float32 (b,)."""
    del targets
    p, q = (student / temperature).softmax(1), (teacher / temperature).softmax(1)
    within_rows = 1 - _correlation(p, q)
    within_classes = (1 - _correlation(p.T, q.T)).mean()
    return temperature**2 * (within_rows + within_classes)


def standardized(student: Tensor, teacher: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Return the loss of Hinton et al. on logits of mean 0 and standard deviation 1 per row."""
    student, teacher = _standard(student), _standard(teacher)
    return knowledge_distillation(student, teacher, targets, temperature)


LOSSES: dict[str, DistillationLoss] = {
    "kd": knowledge_distillation,
    "dkd": decoupled,
    "dist": relational,
    "standardized": standardized,
}


def _divergence(student: Tensor, teacher: Tensor) -> Tensor:
    log_s, log_t = student.log_softmax(1), teacher.log_softmax(1)
    return F.kl_div(log_s, log_t, reduction="none", log_target=True).sum(1)


def _two_way(log_probs: Tensor, given: Tensor) -> Tensor:
    target = log_probs[given]
    rest = log_probs.masked_fill(given, -torch.inf).logsumexp(1)
    return torch.stack([target, rest], 1)


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    return F.cosine_similarity(a, b, dim=1, eps=_SMALL)


def _standard(logits: Tensor) -> Tensor:
    spread = logits.std(1, keepdim=True, correction=0)
    return (logits - logits.mean(1, keepdim=True)) / (spread + _SMALL)
