"""Early exits and cascades: staged prediction equals its definition; the bound holds."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from thresher.core.errors import InputError, ThresherWarning
from training import Samples, compact_model, evaluate, fit
from training.exits import (
    Cascade,
    ExitLoss,
    ExitRule,
    choose_rule,
    exit_curve,
    export_exits,
    load_exits,
    predict_staged,
    with_exits,
)
from training.exits.rule import confidence, fit_temperature
from training.loop.batches import Batch
from training.loop.loss import CrossEntropy


def rule(threshold, stages):
    return ExitRule(threshold, (1.0,) * stages, 1, 1, 0, 1, (0.0,) * stages, 1)


def simulated(n, seed, classes=5):
    """Three stages of growing skill, which are surer where they are right."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    ease = rng.normal(size=n)
    stages = []
    for skill in (1.0, 2.0, 3.0):
        logits = rng.normal(size=(n, classes))
        logits[np.arange(n), labels] += skill + 1.5 * ease
        stages.append(logits.astype(np.float32))
    return stages, labels


def constant(logits):
    def stage(rows):
        return logits[rows], rows

    return stage


@pytest.mark.parametrize("threshold", [0.0, 0.6, 0.9, 2.0])
@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_rows_leave_at_the_first_stage_that_is_sure(threshold, batch_size):
    stages, _ = simulated(200, seed=0)
    found = predict_staged(
        [constant(logits) for logits in stages],
        np.arange(200),
        rule=rule(threshold, 3),
        batch_size=batch_size,
    )
    for row in range(200):
        sure = [confidence(stage[[row]], 1.0)[0] >= threshold for stage in stages[:-1]]
        expected = sure.index(True) if any(sure) else 2
        assert found.stages[row] == expected
        assert np.array_equal(found.logits[row], stages[expected][row])
    assert found.shares(3).sum() == pytest.approx(1)


def test_the_bound_on_the_drop_holds_on_new_rows():
    broken, saved = 0, []
    for seed in range(60):
        stages, labels = simulated(3000, seed=seed)
        chosen = choose_rule(stages, labels, costs=[1, 1, 1], max_drop=0.01)
        fresh, truth = simulated(20_000, seed=1000 + seed)
        found = predict_staged([constant(x) for x in fresh], np.arange(20_000), rule=chosen)
        last = (fresh[-1].argmax(1) == truth).mean()
        broken += last - (found.logits.argmax(1) == truth).mean() > 0.01
        saved.append(1 - chosen.cost)
    assert broken <= 7  # one in twenty by definition, and the luck of 60
    assert np.mean(saved) > 0.1


def test_an_accuracy_floor_is_kept_or_nobody_leaves():
    stages, labels = simulated(4000, seed=1)
    easy = choose_rule(stages, labels, costs=[1, 1, 1], min_accuracy=0.6)
    assert easy.accuracy >= 0.6
    assert easy.cost < 0.8
    never = choose_rule(stages, labels, costs=[1, 1, 1], min_accuracy=0.999)
    assert never.threshold > 1
    assert never.cost == 1
    assert never.shares == (0, 0, 1)


def test_without_labels_the_last_stage_is_the_truth():
    stages, _ = simulated(4000, seed=2)
    chosen = choose_rule(stages, None, costs=[1, 2, 3], max_drop=0.02)
    assert chosen.last_accuracy == 1
    assert chosen.accuracy >= 0.98


def test_the_curve_runs_from_the_first_exit_to_the_whole_way():
    stages, labels = simulated(2000, seed=3)
    curve = exit_curve(stages, labels, costs=[1, 1, 2])
    assert curve[0].cost == pytest.approx(0.25)
    assert curve[-1].cost == 1
    assert curve[0].accuracy == pytest.approx((stages[0].argmax(1) == labels).mean())
    assert curve[-1].accuracy == pytest.approx((stages[-1].argmax(1) == labels).mean())


def test_the_temperature_is_found():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 4)) * 2
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    assert fit_temperature(3 * logits, labels) == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"logits": [np.zeros((50, 3))]}, "two stages"),
        ({"logits": [np.zeros((50, 3)), np.zeros((50, 4))]}, "same rows"),
        ({"logits": [np.zeros((5, 3))] * 2}, "20 rows"),
        ({"labels": np.zeros(3, int)}, "3 labels"),
        ({"costs": [1]}, "costs"),
        ({"logits": [np.full((50, 3), np.nan), np.zeros((50, 3))]}, "stage 0"),
        ({"max_drop": 0.1, "min_accuracy": 0.5}, "not both"),
        ({"max_drop": 2}, "max_drop"),
    ],
)
def test_bad_input_is_named(arguments, text):
    given = {"logits": [np.zeros((50, 3))] * 2, "labels": np.zeros(50, int), "costs": [1, 1]}
    given |= arguments
    with pytest.raises(InputError, match=text):
        choose_rule(given.pop("logits"), given.pop("labels"), **given)


@pytest.mark.parametrize("name", ["resnet8", "fast", "mobile"])
def test_an_exit_model_is_its_base_at_the_last_exit(name):
    base = compact_model(name, num_classes=4, input_shape=(3, 32, 32), width=8).eval()
    model = with_exits(base, exits=2).eval()
    rows = torch.randint(0, 256, (5, 3, 32, 32), dtype=torch.uint8)
    torch.testing.assert_close(model(rows), base(rows))
    assert len(model.costs) == 3
    assert min(model.costs) > 0
    last = model.exits(rows)[-1]
    np.testing.assert_allclose(last, base(rows).detach().numpy(), rtol=1e-5, atol=1e-5)
    assert model.train()(rows).shape == (5, 3, 4)


def test_more_exits_than_places_are_refused():
    base = compact_model("mlp", num_classes=2, input_shape=(4,))
    with pytest.raises(InputError, match="room for"):
        with_exits(base, exits=50)
    with pytest.raises(InputError, match="compact_model"):
        with_exits(torch.nn.Linear(2, 2))


def test_the_loss_is_the_weighted_sum_of_the_exits():
    model = with_exits(compact_model("resnet8", num_classes=3, input_shape=(1, 8, 8), width=4))
    inputs = torch.randint(0, 256, (6, 1, 8, 8), dtype=torch.uint8)
    batch = Batch(inputs, torch.tensor([0, 1, 2, 0, 1, 2]), None, np.arange(6), 0, 0)
    model.train()
    # Batch norm learns from every call; equal statistics need equal calls.
    logits = model(inputs)
    expected = sum(
        weight * torch.nn.functional.cross_entropy(logits[:, place], batch.targets)
        for place, weight in enumerate((0.3, 0.3, 1.0))
    )
    torch.testing.assert_close(ExitLoss()(model, batch), expected)
    assert CrossEntropy()(model.eval(), batch).ndim == 0


@pytest.fixture(scope="module")
def digits():
    """Trained exits on digits, and held-out rows."""
    data = load_digits()
    pixels = torch.from_numpy((data.images * 15.9).astype(np.uint8)[:, None])
    targets = torch.from_numpy(data.target.astype(np.int64))
    samples = Samples(pixels, targets, np.arange(len(pixels)).astype(str))
    order = np.random.default_rng(0).permutation(len(pixels))
    train, held_out, test = np.split(order, [800, 1300])
    model = with_exits(
        compact_model("resnet8", num_classes=10, input_shape=(1, 8, 8), width=8), exits=2
    )
    fit(model, samples.take(train), epochs=6, batch_size=64, loss=ExitLoss())
    return model, samples.take(held_out), samples.take(test)


def test_trained_exits_save_operations_at_little_cost(digits, tmp_path):
    model, held_out, test = digits
    chosen = model.calibrate(held_out, max_drop=0.03)
    assert chosen.cost < 0.95
    found = model.answer(test.inputs)
    whole = evaluate(model, test)
    accuracy = (found.logits.argmax(1) == test.targets.numpy()).mean()
    assert accuracy > whole.accuracy - 0.04
    exported = export_exits(model, tmp_path / "exits", classes=list("0123456789"), threads=1)
    again = load_exits(tmp_path / "exits", threads=1).answer(test.inputs.numpy())
    assert (again.logits.argmax(1) == found.logits.argmax(1)).mean() > 0.995
    assert exported.size_bytes > 0


def test_a_model_without_a_rule_says_so(digits, tmp_path):
    model = with_exits(compact_model("resnet8", num_classes=10, input_shape=(1, 8, 8), width=8))
    with pytest.raises(InputError, match="calibrate"):
        model.answer(digits[2].inputs)
    with pytest.raises(InputError, match="calibrate"):
        export_exits(model, tmp_path / "x", classes=list("0123456789"))
    with pytest.raises(InputError, match="export_exits"):
        load_exits(tmp_path)


class Table:
    """A predictor that knows its answers."""

    def __init__(self, logits):
        self.logits = logits

    def predict(self, inputs):
        return self.logits[inputs[:, 0]]


def test_a_cascade_asks_the_larger_model_only_where_needed():
    stages, labels = simulated(4000, seed=4)
    cascade = Cascade([Table(stages[0]), Table(stages[2])], costs=[1, 9])
    rows = np.arange(4000)[:, None]
    samples = Samples(torch.from_numpy(rows), torch.from_numpy(labels), rows[:, 0].astype(str))
    with pytest.raises(InputError, match="calibrate"):
        cascade.predict(rows)
    chosen = cascade.calibrate(samples, max_drop=0.01)
    assert 0.1 < chosen.cost < 1
    found = cascade.answer(rows)
    assert found.shares(2)[0] == pytest.approx(chosen.shares[0], abs=0.05)


def test_models_of_other_classes_make_no_cascade():
    first, second = Table(None), Table(None)
    first.classes, second.classes = ["a"], ["b"]
    with pytest.raises(InputError, match="same classes"):
        Cascade([first, second], costs=[1, 2])
    with pytest.raises(InputError, match="at least two"):
        Cascade([first], costs=[1])


def test_a_cascade_takes_torch_modules_and_refuses_what_cannot_predict(digits):
    _, held_out, test = digits
    models = [
        compact_model("resnet8", num_classes=10, input_shape=(1, 8, 8), width=width)
        for width in (4, 8)
    ]
    cascade = Cascade(models, costs=[1, 4])
    cascade.calibrate(held_out, max_drop=1.0)
    found = cascade.answer(test.inputs.numpy())
    expected = np.stack([evaluate(model, test).pred_probs for model in models])
    assert (found.stages == 0).mean() > 0.9
    rows = np.arange(len(test))
    assert (found.logits.argmax(1) == expected[found.stages, rows].argmax(1)).all()
    with pytest.raises(InputError, match="has `predict`"):
        Cascade([models[0], "resnet8"], costs=[1, 2])
    with pytest.raises(InputError, match="2 costs"):
        Cascade(models, costs=[1])


def test_a_model_that_fails_leaves_the_cascade():
    class Broken:
        def predict(self, inputs):
            raise RuntimeError(f"no kernel for {inputs.ndim} axes")

    stages, labels = simulated(4000, seed=4)
    rows = np.arange(4000)[:, None]
    samples = Samples(torch.from_numpy(rows), torch.from_numpy(labels), rows[:, 0].astype(str))
    unsure = Table(np.full_like(stages[0], np.nan))
    models = [Broken(), Table(stages[0]), unsure, Table(stages[2])]
    whole = Cascade([models[1], models[3]], costs=[1, 9]).calibrate(samples, max_drop=0.01)
    cascade = Cascade(models, costs=[0.5, 1, 5, 9])
    for _ in range(2):  # each time from all that were given
        with pytest.warns(
            ThresherWarning, match="model 0: RuntimeError: no kernel for 2 axes; model 2: its"
        ):
            assert cascade.calibrate(samples, max_drop=0.01) == whole
    assert list(cascade.failed) == [0, 2]
    assert cascade.models == (models[1], models[3])
    assert cascade.answer(rows).logits.shape == (4000, 5)
    with pytest.raises(InputError, match="No model but the last"):
        Cascade([Broken(), models[3]], costs=[1, 2]).calibrate(samples)
    with pytest.raises(RuntimeError, match="no kernel"):
        Cascade([models[1], Broken()], costs=[1, 2]).calibrate(samples)
