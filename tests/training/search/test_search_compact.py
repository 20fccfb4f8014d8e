"""Search: limits hold, what cannot meet them is not trained, and a stopped search goes on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from thresher.core.errors import InputError
from training import Samples, evaluate, fit, search_compact
from training.loop.checks import DivergedError
from training.search import Candidate, Costs, Target, Variant, load_search, pareto_front
from training.search.bench import costs_before_training
from training.search.clock import Clock
from training.search.halving import Trial, rounds, share_of_epochs, survivors
from training.search.space import search_space
from training.search.target import choose

DIGITS = load_digits()
INPUTS = torch.from_numpy(DIGITS.data.astype(np.float32))
TARGETS = torch.from_numpy(DIGITS.target.astype(np.int64))
ROWS = Samples(INPUTS, TARGETS, np.arange(len(INPUTS)).astype(str))
TRAIN, VALIDATION = ROWS.take(np.arange(600)), ROWS.take(np.arange(1200, 1500))
SMALL = {"widths": (4, 32), "bits": (32, 8), "prune": (), "epochs": 12, "finalists": 1}


def made(name, accuracy, ms, size, state="finished"):
    costs = Costs(size_bytes=size, flops=1.0, p50_ms=ms, min_ms=ms)
    return Candidate(Variant(name, 1), state, costs=costs, accuracy=accuracy, interval=(0, 1))


def names(candidates):
    return [candidate.variant.model for candidate in candidates]


def test_front_agrees_with_its_definition():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 6, (60, 3))
    found = [made(str(i), a, b, int(c)) for i, (a, b, c) in enumerate(values)]
    by_hand = {
        str(i)
        for i, (a, b, c) in enumerate(values)
        if not any(
            x >= a and y <= b and z <= c and (x, y, z) != (a, b, c) for x, y, z in values.tolist()
        )
    }
    assert set(names(pareto_front(found))) == by_hand
    assert pareto_front([made("a", 1, 1, 1, state="dropped")]) == []


@pytest.mark.parametrize(
    ("limits", "chosen"),
    [
        ({}, "b"),  # within one standard error of the most accurate, and faster
        ({"max_ms": 0.5}, "c"),
        ({"max_bytes": 150}, "c"),
        ({"min_accuracy": 0.9}, "b"),
        ({"min_accuracy": 0.5}, "c"),
        ({"min_accuracy": 0.99}, None),
        ({"max_ms": 0.1}, None),
    ],
)
def test_choice_follows_the_target(limits, chosen):
    found = [made("a", 0.95, 2, 400), made("b", 0.945, 1, 200), made("c", 0.7, 0.4, 100)]
    best, reason = choose(found, Target(**limits), rows=500)
    assert (best and best.variant.model) == chosen
    assert chosen or "Nearest" in reason


def test_rounds_thin_out_and_the_last_is_whole():
    assert rounds(9, 2) == [9, 3, 2]
    assert rounds(2, 2) == [2]
    assert [share_of_epochs(i, 3) for i in range(3)] == pytest.approx([1 / 9, 1 / 3, 1])


def test_dominated_networks_go_first():
    def trial(name, accuracy, flops):
        return Trial(Variant(name, 1), 1, accuracy, (0, 1), flops=flops, parameters=flops)

    found = [trial("large", 0.9, 10), trial("worse", 0.89, 11), trial("small", 0.8, 1)]
    assert [t.network.model for t in survivors(found, 2)] == ["large", "small"]
    assert [t.network.model for t in survivors(found, 1, min_accuracy=0.7)] == ["small"]


def test_without_time_the_clock_leaves_nothing():
    assert Clock(None).scale(10) == 1
    assert Clock(1e-9).scale(10) == 0
    assert Clock(100).scale(150) == pytest.approx(0.5, abs=0.01)


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search") / "s"
    return search_compact(TRAIN, VALIDATION, folder=folder, prune_method="low_rank", **SMALL)


def test_the_chosen_file_is_what_was_measured(searched):
    chosen = searched.chosen
    assert chosen in searched.front
    model = searched.load()
    assert model.size_bytes == chosen.costs.size_bytes
    assert evaluate(model, VALIDATION).accuracy == chosen.accuracy > 0.85
    states = {c.variant.name: c.state for c in searched.candidates}
    assert states["mlp-32-int8"] == states["mlp-32-float"] == "finished"
    assert states["mlp-4-float"] == "dropped"
    assert load_search(searched.folder).to_json() == searched.to_json()


def test_other_limits_reuse_the_folder_and_skip_what_is_too_large(searched, monkeypatch):
    monkeypatch.setattr("training.search.trainings.fit", None)  # nothing is trained again
    smallest = min(c.costs.size_bytes for c in searched.candidates if c.costs)
    again = search_compact(
        TRAIN,
        VALIDATION,
        folder=searched.folder,
        prune_method="low_rank",
        max_bytes=smallest + 1000,
        **(SMALL | {"widths": (32, 512)}),
    )
    assert again.chosen.costs.size_bytes == smallest
    (wide,) = [c for c in again.candidates if c.variant.width == 512]
    assert wide.state == "too costly"
    assert wide.accuracy is None


def test_a_limit_that_nothing_meets_trains_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("training.search.trainings.fit", None)
    found = search_compact(
        TRAIN, VALIDATION, folder=tmp_path / "s", max_bytes=10, **(SMALL | {"bits": (8,)})
    )
    assert found.chosen is None
    assert {c.state for c in found.candidates} == {"too costly"}
    with pytest.raises(LookupError):
        found.load()


def test_a_stopped_search_ends_as_an_undisturbed_one(searched, tmp_path, monkeypatch):
    class StopError(BaseException):  # as a stop by the keyboard; an error would be a record
        pass

    from training.search import finishing

    def stop(*_, **__):
        raise StopError

    options = {"folder": tmp_path / "s", "prune_method": "low_rank"} | SMALL
    monkeypatch.setattr(finishing, "quantize", stop)
    with pytest.raises(StopError):
        search_compact(TRAIN, VALIDATION, **options)
    monkeypatch.undo()
    monkeypatch.setattr("training.search.trainings.fit", None)
    again = search_compact(TRAIN, VALIDATION, **options)
    assert [(c.variant, c.accuracy) for c in again.candidates] == [
        (c.variant, c.accuracy) for c in searched.candidates
    ]


def test_an_error_of_one_candidate_is_its_record(searched, tmp_path, monkeypatch):
    from training.search import finishing, trainings

    def train(model, *args, **options):
        if model.spec.width == 4:
            raise DivergedError("The loss became nan.")
        return fit(model, *args, **options)

    def make(network, *_, weight_bits, **__):
        raise RuntimeError(f"no kernel\n for {weight_bits} bits")

    monkeypatch.setattr(trainings, "fit", train)
    monkeypatch.setattr(finishing, "quantize", make)
    options = {"folder": tmp_path / "s", "prune_method": "low_rank"} | SMALL
    found = search_compact(TRAIN, VALIDATION, **options)
    told = {c.variant.name: (c.state, c.note) for c in found.candidates}
    assert told["mlp-4-float"] == ("failed", "The loss became nan.")
    assert told["mlp-32-int8"] == ("failed", "RuntimeError: no kernel for 8 bits")
    assert told["mlp-32-float"] == ("finished", "")
    assert found.chosen.variant.name == "mlp-32-float"
    assert load_search(found.folder).to_json() == found.to_json()
    monkeypatch.undo()  # a later call tries again
    again = search_compact(TRAIN, VALIDATION, **options)
    assert {c.variant.name: c.accuracy for c in again.candidates} == {
        c.variant.name: c.accuracy for c in searched.candidates
    }


def test_an_error_of_all_candidates_ends_the_search(tmp_path, monkeypatch):
    def train(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr("training.search.trainings.fit", train)
    with pytest.raises(OSError, match="no space left"):
        search_compact(TRAIN, VALIDATION, folder=tmp_path / "s", prune_method="low_rank", **SMALL)


def test_pruned_variants_and_a_short_budget(tmp_path):
    options = SMALL | {"widths": (32,), "bits": (8,), "prune": (0.5,), "epochs": 2}
    found = search_compact(
        TRAIN, VALIDATION, folder=tmp_path / "a", prune_method="low_rank", **options
    )
    whole, pruned = found.candidates
    assert pruned.variant.name == "mlp-32-pruned50-int8"
    assert pruned.costs.flops <= 0.55 * whole.costs.flops
    hasty = search_compact(TRAIN, VALIDATION, folder=tmp_path / "b", budget_s=1e-6, **options)
    assert [c.state for c in hasty.candidates] == ["finished", "not reached"]
    assert hasty.candidates[0].epochs == 1


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"families": ("mpl",)}, "mlp"),
        ({"bits": ()}, "at least one"),
        ({"bits": (16,)}, "bits"),
        ({"max_ms": 0}, "max_ms"),
        ({"prune": (1.0,)}, "prune"),
        ({"classes": ["a", "b"]}, "classes"),
    ],
)
def test_wrong_options_are_refused(tmp_path, options, text):
    with pytest.raises(InputError, match=text):
        search_compact(TRAIN, VALIDATION, folder=tmp_path / "s", **options)


def test_a_folder_of_other_rows_is_refused(searched, tmp_path):
    with pytest.raises(InputError, match="training rows"):
        search_compact(VALIDATION, VALIDATION, folder=searched.folder, **SMALL)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="holds no search"):
        search_compact(TRAIN, VALIDATION, folder=tmp_path)
    with pytest.raises(InputError, match="label"):
        search_compact(TRAIN, VALIDATION.without_targets(), folder=tmp_path / "s")


def test_a_search_of_version_0_1_is_read_in_the_words_of_today():
    candidate = made("a", 0.9, 1.0, 100, state="too costly")
    old = candidate.to_json() | {"state": "too dear"}
    assert Candidate.from_json(old) == candidate


def test_a_network_that_fails_late_gives_its_place_to_the_next(tmp_path, monkeypatch):
    from training.search import trainings

    def train(model, *args, epochs, **options):
        if model.spec.width == 32 and epochs == 12:
            raise RuntimeError("out of kernels")
        return fit(model, *args, epochs=epochs, **options)

    monkeypatch.setattr(trainings, "fit", train)
    found = search_compact(TRAIN, VALIDATION, folder=tmp_path / "s", **(SMALL | {"bits": 32}))
    assert {c.variant.name: (c.state, c.epochs) for c in found.candidates} == {
        "mlp-4-float": ("finished", 12),
        "mlp-32-float": ("failed", 0),
    }


def test_a_file_that_cannot_be_timed_leaves_the_others(tmp_path, monkeypatch):
    from training.search import stages

    def costs(variant, *args, **options):
        if variant.width == 4:
            raise RuntimeError("no kernel")
        return costs_before_training(variant, *args, **options)

    monkeypatch.setattr(stages, "costs_before_training", costs)
    options = SMALL | {"bits": 32, "max_bytes": 10**6}
    found = search_compact(TRAIN, VALIDATION, folder=tmp_path / "a", **options)
    assert {c.variant.name: c.state for c in found.candidates} == {
        "mlp-32-float": "finished",
        "mlp-4-float": "failed",
    }
    with pytest.raises(RuntimeError, match="no kernel"):
        search_compact(TRAIN, VALIDATION, folder=tmp_path / "b", **(options | {"widths": 4}))


def test_a_pruning_that_fails_is_tried_once_for_all_bits(tmp_path, monkeypatch):
    from training.search import trainings

    calls = []

    def thin(*_, amount, **__):
        calls.append(amount)
        raise RuntimeError("gradients of nothing")

    monkeypatch.setattr(trainings, "prune", thin)
    options = SMALL | {"widths": 4, "prune": 0.3, "epochs": 1}
    found = search_compact(TRAIN, VALIDATION, folder=tmp_path / "s", **options)
    assert calls == [0.3]
    assert {c.variant.name: c.state for c in found.candidates} == {
        "mlp-4-float": "finished",
        "mlp-4-int8": "finished",
        "mlp-4-pruned30-float": "failed",
        "mlp-4-pruned30-int8": "failed",
    }


def test_a_share_of_zero_and_single_values_are_taken():
    options = {"families": "mlp", "widths": 8, "bits": 8}
    alone = search_space("features", **options, prune=0)
    assert alone == search_space("features", families=["mlp"], widths=[8], bits=[8], prune=())
    assert search_space("features", **options, prune=(0, 0.5, 0.0)).pruned == (0.5,)
