"""How long is trained: short schedules first, and longer ones as long as held-out rows allow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from training import TrainingRun, compact_model, fit, samples_from_arrays
from training.evaluation import predict_logits
from training.recipes.durations import (
    POINT,
    compared,
    following,
    joined,
    lengths_of,
    taken,
    try_lengths,
)
from training.recipes.sizes import Told

NOTHING: Any = None


def told(probability: float, *, spread: float = 0.01, rows: int = 400, shift: int = 0) -> Told:
    """Rows on which the true class has this probability on average, unlike from row to row."""
    wave = spread * np.where((np.arange(rows) + shift) % 2, 1.0, -1.0)
    return Told(np.arange(rows) < probability * rows, probability + wave)


def walk(*probabilities: float, lengths: tuple[int, ...] = (1, 2, 5, 20)) -> tuple[list[int], int]:
    """Return which lengths are tried where each reaches a probability, and which is taken."""
    reached = dict(zip(lengths, probabilities, strict=True))
    tried: list[Any] = []
    epochs: int | None = lengths[0]
    while epochs is not None:
        shift = lengths.index(epochs)  # neighbors differ by 2 points on every row
        tried.append(compared(epochs, NOTHING, told(reached[epochs], shift=shift), before=tried))
        epochs = following(lengths, tried[-1])
    return [one.epochs for one in tried], taken(tried).epochs


def test_lengths_are_a_sixteenth_an_eighth_a_quarter_and_all() -> None:
    assert lengths_of(40) == [2, 5, 10, 40]
    assert lengths_of(12) == [1, 2, 3, 12]
    assert lengths_of(8) == [1, 2, 8]
    assert lengths_of(7) == [7]


def test_the_interval_is_that_of_a_mean_of_paired_differences() -> None:
    rng = np.random.default_rng(0)
    first, second = (Told(rng.random(300) < 0.7, rng.random(300)) for _ in range(2))
    found = compared(2, NOTHING, second, before=[compared(1, NOTHING, first)])
    differences = second.probability - first.probability
    drawn = rng.choice(differences, (20_000, 300)).mean(axis=1)
    assert found.gain == pytest.approx(differences.mean())
    assert (found.low, found.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=2e-3)
    assert found.right == pytest.approx(second.right.mean() - first.right.mean())


def test_nothing_longer_is_tried_where_a_length_surely_loses() -> None:
    assert walk(0.60, 0.58, 0.7, 0.8) == ([1, 2], 1)
    assert walk(0.60, 0.61, 0.58, 0.8) == ([1, 2, 5], 2)


def test_a_large_gain_leads_to_the_full_length_at_once() -> None:
    assert walk(0.60, 0.60 + POINT + 0.003, 0.9, 0.9) == ([1, 2, 20], 20)
    assert walk(0.60, 0.70, 0.9, 0.65) == ([1, 2, 20], 2)  # which is not better for that


def test_what_is_not_surely_worse_may_be_longer() -> None:
    tried, chosen = walk(0.60, 0.61, 0.62, 0.6195)  # within ±0.2 of 5 epochs
    assert (tried, chosen) == ([1, 2, 5, 20], 20)
    assert walk(0.60, 0.61, 0.62, 0.617)[1] == 5


def rows_of(n: int, seed: int, *, wrong: float) -> Any:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(n, 10)).astype(np.float32)
    codes = (inputs[:, 0] + inputs[:, 1] > 0).astype(np.int64)
    codes[rng.random(n) < wrong] ^= 1
    return samples_from_arrays(inputs, row_ids=np.arange(n).astype(str), targets=codes)


def train_all(folder: Path, asked: list[int], *, stop: int | None = None) -> list[Any]:
    train, held = rows_of(600, 0, wrong=0.2), rows_of(400, 1, wrong=0.2)
    model = compact_model("mlp", num_classes=2, input_shape=(10,), width=64, random_state=0)
    codes = held.targets.numpy()  # type: ignore[union-attr]

    def learn(learner: Any, epochs: int, checkpoints: Path) -> TrainingRun:
        asked.append(epochs)
        if len(asked) == stop:
            raise KeyboardInterrupt
        options: Any = {"batch_size": 32, "optimizer": "adamw", "lr": 3e-3}
        return fit(learner, train, epochs=epochs, checkpoint_dir=checkpoints, **options)

    def tell(learner: Any) -> Told:
        return Told.of(predict_logits(learner, held), codes)

    return try_lengths(model, lengths_of(80), learn, tell, folder=folder)


def test_labels_learned_by_heart_end_training_early_and_all_trainings_count(tmp_path: Path) -> None:
    asked: list[int] = []
    tried = train_all(tmp_path / "a", asked)
    assert asked == [5, 10]
    run = joined(tried, most=80)
    assert run.choices["epochs"].value == "5"
    assert run.choices["epochs"].reason.startswith("of at most 80; points of the true class's")
    assert run.choices["epochs"].reason.endswith(
        "; longer than 10 surely gains less than a point; the longest that is not surely worse "
        "than the best is taken"
    )
    whole = joined(tried, most=10)
    assert "surely gains less" not in whole.choices["epochs"].reason
    assert run.rows_seen == (5 + 10) * 600
    assert run.flops == pytest.approx(sum(one.run.flops for one in tried))
    assert len(run.history) == 5
    # That of a training for 5 epochs alone.
    alone = TrainingRun.load(tmp_path / "a" / "epochs-5" / "model")
    for name, weights in alone.model.state_dict().items():
        assert torch.equal(weights, run.model.state_dict()[name])
    assert tried[0].to_json()["gain"] is None
    assert tried[1].to_json()["high"] < POINT


def test_a_stopped_trial_goes_on_with_the_lengths_that_it_has(tmp_path: Path) -> None:
    whole = train_all(tmp_path / "whole", [])
    asked: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        train_all(tmp_path / "r", asked, stop=2)
    again = train_all(tmp_path / "r", asked)
    assert asked == [5, 10, 10]
    for one, other in zip(whole, again, strict=True):
        assert np.array_equal(one.told.probability, other.told.probability)
        assert one.text == other.text
