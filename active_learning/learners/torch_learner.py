"""Any torch module as a learner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thresher.core.errors import check_count, check_number, require
from thresher.core.moved import renamed

from .learner import Predictor

if TYPE_CHECKING:
    import torch

Loss = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]
LEAST_LOG_VARIANCE = -12.0


@dataclass(frozen=True)
class TorchLearner:
    """A torch module trained from scratch at every fit with AdamW.

    One class a row: cross-entropy on ``num_classes`` outputs. Several classes: binary cross-entropy
    on as many. Regression: the Gaussian likelihood of two outputs, mean and log variance of
    standardized targets.

    Parameters
    ----------
    make_module : callable
        ``make_module(d, outputs)`` returns a module from vectors to outputs. It is called under a
        seed of its own; the global torch state is kept.
    epochs, batch_size, lr, weight_decay
        Of the training.
    device : str
        ``"cpu"``, ``"cuda"``, ….

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from active_learning import TorchLearner
    >>> learner = TorchLearner(lambda d, num_classes: torch.nn.Linear(d, num_classes), epochs=5)
    >>> x, y = np.eye(4, dtype=np.float32), np.array([0, 0, 1, 1])
    >>> fitted = learner(x, y, num_classes=2, random_state=0)
    >>> fitted(x).shape
    (4, 2)
    """

    make_module: Callable[[int, int], torch.nn.Module]
    epochs: int = 60
    batch_size: int = 64
    lr: float = 1e-2
    weight_decay: float = 1e-4
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_count("epochs", self.epochs, low=1)
        check_count("batch_size", self.batch_size, low=1)
        check_number("lr", self.lr, low=0, low_open=True)

    @renamed(n_classes="num_classes")
    def __call__(
        self, vectors: np.ndarray, targets: np.ndarray, *, num_classes: int, random_state: int
    ) -> Predictor:
        """Train a new module; see `Learner`."""
        torch: Any = require("torch", extra="train")
        loss, finish, wanted, outputs = _reading(targets, num_classes)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(random_state)
            module = self.make_module(vectors.shape[1], outputs).to(self.device)
            self._train(module, torch.from_numpy(np.ascontiguousarray(vectors)), wanted, loss)
        module.eval()

        def predict(rows: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                points = torch.from_numpy(np.ascontiguousarray(rows)).to(self.device)
                return np.asarray(finish(module(points).float()).cpu().numpy())

        return predict

    def _train(
        self, module: torch.nn.Module, vectors: torch.Tensor, targets: torch.Tensor, loss: Loss
    ) -> None:
        import torch

        from thresher.core.kernel_faults import GradientGuard

        optimizer = torch.optim.AdamW(
            module.parameters(), lr=self.lr, weight_decay=self.weight_decay
        )
        vectors, targets = vectors.to(self.device), targets.to(self.device)
        guard = GradientGuard()
        module.train()
        for epoch in range(self.epochs):
            order = torch.randperm(len(vectors))
            for batch in torch.split(order, self.batch_size):
                optimizer.zero_grad()
                step = loss(module(vectors[batch]), targets[batch])
                with guard.watch(first=epoch == 0):
                    step.backward()  # type: ignore[no-untyped-call]
                optimizer.step()


def _reading(
    targets: np.ndarray, num_classes: int
) -> tuple[Loss, Callable[[torch.Tensor], torch.Tensor], torch.Tensor, int]:
    """Return the loss, what turns outputs into predictions, the targets and the outputs needed."""
    import torch
    from torch.nn import functional

    if targets.ndim == 2:
        wanted = torch.from_numpy(targets.astype(np.float32))
        return functional.binary_cross_entropy_with_logits, torch.sigmoid, wanted, num_classes
    if not np.issubdtype(targets.dtype, np.floating):
        return (
            functional.cross_entropy,
            lambda outputs: torch.softmax(outputs, dim=1),
            torch.from_numpy(targets),
            num_classes,
        )
    center, scale = float(targets.mean()), max(float(targets.std()), 1e-9)

    def loss(outputs: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        variance = outputs[:, 1].clamp(min=LEAST_LOG_VARIANCE).exp()
        return functional.gaussian_nll_loss(outputs[:, 0], numbers, variance)

    def finish(outputs: torch.Tensor) -> torch.Tensor:
        deviation = (0.5 * outputs[:, 1].clamp(min=LEAST_LOG_VARIANCE)).exp()
        return torch.stack([outputs[:, 0] * scale + center, deviation * scale], dim=1)

    standard = torch.from_numpy(((targets - center) / scale).astype(np.float32))
    return loss, finish, standard, 2
