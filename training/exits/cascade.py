"""A cascade: a small model answers, and asks a larger one where it is not sure."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from thresher import __version__
from thresher.core.errors import InputError, ThresherWarning, told
from thresher.core.files import atomic_path, read_json, write_json

from ..evaluation import Predictor, module_logits
from ..exporting.runtime import ExportedModel, load_onnx
from ..rows.samples import Samples
from .rule import ExitRule, choose_rule
from .staged import Stage, StagedPrediction, all_stages, predict_staged

RECORD = "cascade.json"


class Cascade:
    """Models from cheap to costly that take the same rows.

    Parameters
    ----------
    models : sequence of Predictor or nn.Module
        Such as exported models; the same classes in the same order.
    costs : sequence of float
        Of a row in each model: milliseconds or FLOPs.

    Attributes
    ----------
    models, costs : tuple
        Those that answer.
    rule : ExitRule or None
        Set by `calibrate`, or by the user.
    failed : dict of int to str
        Models that `calibrate` left out, by their place as they were given, and why.

    Raises
    ------
    InputError
        With fewer than two models, one that cannot predict, other classes, or a cost too few.

    Examples
    --------
    >>> import numpy as np
    >>> from training import Cascade, compact_model, export, samples_from_arrays
    >>> x, y = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32), np.arange(64) % 2
    >>> rows = samples_from_arrays(x, row_ids=np.arange(64).astype(str), targets=y)
    >>> models = [compact_model("mlp", num_classes=2, input_shape=(4,), width=w) for w in (8, 16)]
    >>> files = [export(model, f"m{at}", classes=["n", "y"]) for at, model in enumerate(models)]
    >>> cascade = Cascade(files, costs=[1.0, 4.0])
    >>> rule = cascade.calibrate(rows, max_drop=0.1)
    >>> cascade.predict(x).shape
    (64, 2)
    """

    def __init__(self, models: Sequence[Predictor | nn.Module], *, costs: Sequence[float]) -> None:
        if len(models) < 2:
            raise InputError(f"A cascade needs at least two models, got {len(models)}.")
        for model in models:
            if not isinstance(model, nn.Module | Predictor):
                raise InputError(
                    "A cascade takes torch modules, or what has `predict` such as exported "
                    f"models, got {type(model).__name__}."
                )
        if len(costs) != len(models):
            raise InputError(f"`costs` must name {len(models)} costs, got {len(costs)}.")
        named = {tuple(classes) for model in models if (classes := getattr(model, "classes", None))}
        if len(named) > 1:
            raise InputError("The models of a cascade must have the same classes in one order.")
        self._given = tuple(models), tuple(costs)
        self.models, self.costs = self._given
        self.rule: ExitRule | None = None
        self.failed: dict[int, str] = {}

    def calibrate(
        self,
        samples: Samples,
        *,
        max_drop: float | None = None,
        min_accuracy: float | None = None,
    ) -> ExitRule:
        """Choose when the answer of an earlier model stands; see `choose_rule`.

        An earlier model that ends with an error on these rows, or whose answers are not finite,
        is left out with a `ThresherWarning`; an error of the last one is raised.
        """
        inputs = samples.inputs.numpy()
        labels = None if samples.targets is None else samples.targets.numpy()
        answers = self._answers(inputs)
        self.rule = choose_rule(
            answers,
            labels,
            costs=self.costs,
            max_drop=max_drop,
            min_accuracy=min_accuracy,
        )
        return self.rule

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return logits, float32 (n, classes), each of the model that answered."""
        return self.answer(inputs).logits

    def answer(self, inputs: np.ndarray, *, batch_size: int = 256) -> StagedPrediction:
        """Return logits and which model answered."""
        if self.rule is None:
            raise InputError("This cascade has no rule yet: call `calibrate` with held-out rows.")
        return predict_staged(self._stages(), inputs, rule=self.rule, batch_size=batch_size)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the models and the rule into one folder, from which ``thresher serve`` answers.

        Raises
        ------
        InputError
            Without a rule, or when a model is not one that `export` wrote as ONNX.
        """
        if self.rule is None:
            raise InputError("This cascade has no rule yet: call `calibrate` with held-out rows.")
        for model in self.models:
            if not isinstance(model, ExportedModel) or model.path.suffix != ".onnx":
                raise InputError(
                    f"A cascade is saved as ONNX files, and {type(model).__name__} is none: give "
                    "`Cascade` what `export` or `load_exported` returned."
                )
        files = [f"stage-{place}.onnx" for place in range(len(self.models))]
        with atomic_path(Path(folder)) as temporary:
            temporary.mkdir()
            for model, name in zip(self.models, files, strict=True):
                assert isinstance(model, ExportedModel)
                shutil.copyfile(model.path, temporary / name)
            record = {
                "thresher": __version__,
                "files": files,
                "costs": list(self.costs),
                "rule": self.rule.to_json(),
            }
            write_json(temporary / RECORD, record)

    @classmethod
    def load(cls, folder: str | os.PathLike[str], *, threads: int | None = None) -> Cascade:
        """Load what `save` wrote, with its rule."""
        place = Path(folder)
        record = read_json(place / RECORD)
        models = [load_onnx(place / name, threads=threads) for name in record["files"]]
        cascade = cls(models, costs=record["costs"])
        cascade.rule = ExitRule.from_json(record["rule"])
        return cascade

    def _answers(self, inputs: np.ndarray) -> list[np.ndarray]:
        """Return the logits of each model that answers; those that do not are left out."""
        models, costs = self._given
        found: dict[int, np.ndarray] = {}
        self.failed = {}
        for place, model in enumerate(models):
            try:
                (logits,) = all_stages([_stage(model)], inputs)
                if not np.isfinite(logits).all():
                    raise InputError("its answers are not all finite.")
                found[place] = logits
            except Exception as error:
                if place == len(models) - 1:
                    raise
                self.failed[place] = told(error)
        listed = "; ".join(f"model {place}: {why}" for place, why in self.failed.items())
        if len(found) < 2:
            raise InputError(f"No model but the last answers these rows. {listed}")
        if self.failed:
            warnings.warn(f"The cascade goes on without {listed}", ThresherWarning, stacklevel=3)
        self.models = tuple(models[place] for place in found)
        self.costs = tuple(costs[place] for place in found)
        return list(found.values())

    def _stages(self) -> list[Stage]:
        return [_stage(model) for model in self.models]


def _stage(model: Predictor | nn.Module) -> Stage:
    def answer(rows: Any) -> tuple[np.ndarray, Any]:
        if isinstance(model, nn.Module):
            return module_logits(model, torch.from_numpy(rows)), rows
        return model.predict(rows), rows

    return answer
