import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from thresher.core.errors import InputError
from thresher.core.progress import Silent, about, reporting
from training import compact_model, evaluate, fit
from training.loop.batches import BatchPlan
from training.loop.checks import DivergedError
from training.loop.hooks import Hook
from training.loop.run import TrainingRun
from training.optimizers.ema import WeightAverage
from training.optimizers.schedule import learning_rate_factor
from training.rows.samples import samples_from_arrays


def digits(n=1797):
    data = load_digits()
    ids = np.array([f"d{i}" for i in range(n)])
    return samples_from_arrays(
        data.images[:n, ..., None].astype(np.uint8), row_ids=ids, targets=data.target[:n]
    )


def table(n=60, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    targets = np.arange(n) % classes
    features = rng.normal(size=(n, 5)) + 2 * np.eye(5)[targets]
    return samples_from_arrays(features, row_ids=np.arange(n).astype(str), targets=targets)


def mlp(classes=3, **options):
    return compact_model("mlp", num_classes=classes, input_shape=(5,), width=16, **options)


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_digits_are_learned_in_seconds():
    samples = digits()
    test = np.arange(len(samples)) % 5 == 0
    model = compact_model("resnet8", num_classes=10, input_shape=(1, 8, 8), width=8)
    run = fit(model, samples.take(np.flatnonzero(~test)), epochs=8, batch_size=64)
    found = evaluate(model, samples.take(np.flatnonzero(test)))
    assert found.accuracy >= 0.97
    assert run.rows_seen == 8 * (~test).sum()
    assert [entry["epoch"] for entry in run.history] == list(range(1, 9))
    assert set(run.choices) == {"compiled", "device", "memory_format", "precision"}


def test_equal_seeds_give_equal_bits_and_leave_global_states_alone():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    runs = [fit(mlp(), table(), epochs=2, ema=0.9, random_state=s) for s in (3, 3, 4)]
    one, again, other = (weights(run.model) for run in runs)
    assert same(one, again)
    assert not same(one, other)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_flops_of_a_linear_model_are_counted_by_hand():
    model = nn.Linear(5, 3)
    run = fit(model, table(60), epochs=2, batch_size=60)
    # Forward and the weight gradient; the inputs need none.
    assert run.flops == 2 * 60 * (2 * 5 * 3) * 2


def test_accumulation_gives_the_same_gradient():
    results = []
    for parts in (1, 3):
        torch.manual_seed(0)
        model = nn.Linear(5, 3)
        nn.init.zeros_(model.weight)
        nn.init.zeros_(model.bias)
        fit(model, table(), epochs=2, batch_size=30, accumulate=parts)
        results.append(model.weight.detach())
    torch.testing.assert_close(*results)


def test_row_weights_act_like_repeated_rows():
    base = table(12)
    results = []
    for samples in (
        base.take(np.r_[0:12, 0:3]),
        samples_from_arrays(
            base.inputs.numpy(),
            row_ids=base.row_ids,
            targets=base.targets.numpy(),
            weights=np.r_[[2.0] * 3, [1.0] * 9],
        ),
    ):
        model = nn.Linear(5, 3)
        nn.init.zeros_(model.weight)
        nn.init.zeros_(model.bias)
        fit(model, samples, epochs=3, batch_size=20)
        results.append(model.weight.detach())
    torch.testing.assert_close(*results)


def test_every_batch_is_as_large_as_the_others():
    plan = BatchPlan(129, batch_size=128, seed=0)
    first = [plan.positions(step) for step in range(2)]
    assert sorted(map(len, first)) == [64, 65]
    assert sorted(np.concatenate(first)) == list(range(129))
    assert not np.array_equal(
        np.concatenate(first), np.concatenate([plan.positions(s) for s in (2, 3)])
    )
    assert BatchPlan(5, batch_size=128, seed=0).steps_per_epoch == 1


def test_schedules_rise_and_fall():
    for schedule, peak in (("one_cycle", 24), ("cosine", 4)):
        rates = [learning_rate_factor(step, 100, schedule=schedule) for step in range(100)]
        assert max(rates) == rates[peak] == 1.0
        assert rates[:peak] == sorted(rates[:peak])
        assert rates[peak:] == sorted(rates[peak:], reverse=True)
        assert 0 < rates[-1] < 0.02
    assert {learning_rate_factor(s, 9, schedule="constant") for s in range(9)} == {1.0}


def test_average_follows_its_formula():
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 0.0)
    average = WeightAverage(model, decay=0.9)
    expected = 0.0
    for step, value in enumerate((1.0, 2.0, -1.0)):
        nn.init.constant_(model.weight, value)
        average.update(model, step=step)
        keep = min(0.9, (1 + step) / (10 + step))
        expected = keep * expected + (1 - keep) * value
    assert average.module.weight.item() == pytest.approx(expected)


def test_patience_returns_the_best_weights():
    run = fit(
        mlp(),
        table(60),
        epochs=60,
        validation=table(60, seed=1),
        patience=3,
        random_state=0,
        lr=0.5,
    )
    best = max(entry["validation_accuracy"] for entry in run.history)
    assert run.metrics["validation_accuracy"] == best
    assert evaluate(run.model, table(60, seed=1)).accuracy == best
    assert len(run.history) < 60


def test_augment_and_mix_get_rows_keys_and_epochs():
    seen = []

    def augment(inputs, keys, epoch):
        seen.append((len(inputs), keys.dtype, epoch))
        return inputs

    def mix(inputs, targets, keys, epoch):
        return inputs, nn.functional.one_hot(targets, 3).float()

    plain = fit(mlp(dropout=0.0), table(), epochs=2, batch_size=30)
    mixed = fit(mlp(dropout=0.0), table(), epochs=2, batch_size=30, augment=augment, mix=mix)
    assert seen == [(30, np.uint64, epoch) for epoch in (0, 0, 1, 1)]
    torch.testing.assert_close(plain.model.head.weight, mixed.model.head.weight)
    assert "accuracy" not in mixed.history[0]


def test_hooks_see_every_step():
    class Watch(Hook):
        def __init__(self):
            self.steps, self.epochs = [], []

        def on_step_end(self, moment):
            self.steps.append((moment.step, moment.logits.shape))

        def on_epoch_end(self, moment):
            self.epochs.append(moment.history[-1]["epoch"])

    watch = Watch()
    fit(mlp(), table(), epochs=2, batch_size=30, hooks=[watch])
    assert watch.steps == [(step, (30, 3)) for step in range(4)]
    assert watch.epochs == [1, 2]


def test_a_custom_loss_needs_no_targets():
    samples = table().without_targets()
    run = fit(
        mlp(), samples, epochs=1, loss=lambda model, batch: model(batch.inputs).square().mean()
    )
    assert "accuracy" not in run.history[0]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"samples": table(0)}, "no rows"),
        ({"samples": table(1, classes=1)}, "one row"),
        ({"samples": table(9, classes=1)}, "All rows have class 0"),
        ({"samples": table(12, classes=4)}, "label 3.*3 classes"),
        ({"samples": table().without_targets()}, "no targets"),
        ({"validation": table(12, classes=4)}, "validation.*label 3"),
        ({"validation": table().without_targets()}, "validation"),
        ({"patience": 2}, "patience"),
        ({"epochs": 0}, "epochs"),
        ({"lr": -1.0}, "lr"),
        ({"optimizer": "adam"}, "Did you mean 'adamw'"),
        ({"schedule": "onecycle"}, "Did you mean 'one_cycle'"),
        ({"ema": 1.0}, "ema"),
    ],
)
def test_wrong_input_is_told(options, told):
    good = {"samples": table(), "epochs": 1}
    options = good | options
    with pytest.raises(InputError, match=told):
        fit(mlp(), options.pop("samples"), **options)


def test_inputs_of_another_shape_are_told():
    model = compact_model("mlp", num_classes=3, input_shape=(4,))
    with pytest.raises(InputError, match=r"\(4,\).*\(5,\)"):
        fit(model, table(), epochs=1)


def test_unlabeled_rows_are_told():
    samples = table()
    samples.targets[:2] = -1
    with pytest.raises(InputError, match="2 rows have no label"):
        fit(mlp(), samples, epochs=1)


def test_divergence_names_step_and_rate():
    samples = table()
    with pytest.raises(DivergedError, match=r"step \d+ of .*learning rate"):
        fit(nn.Linear(5, 3), samples, epochs=50, lr=1e30, schedule="constant")


def test_a_class_without_training_rows_is_told():
    told = []

    class Listen(Silent):
        def message(self, text):
            told.append(text)

    with reporting(Listen()):
        fit(mlp(), table(12, classes=2), validation=table(12), epochs=1)
    assert "no training row has class 2" in told[0]


def test_lines_of_epochs_say_what_is_trained():
    told = []

    class Listen(Silent):
        def message(self, text):
            told.append(text)

    with reporting(Listen()):
        with about("student"):
            fit(mlp(), table(), epochs=2)
        fit(mlp(), table(), epochs=1)
    assert [line.partition(",")[0] for line in told] == [
        "student: epoch 1/2",
        "student: epoch 2/2",
        "epoch 1/1",
    ]


def test_a_saved_run_comes_back(tmp_path):
    run = fit(mlp(), table(), epochs=1, validation=table(seed=1))
    run.save(tmp_path / "run")
    loaded = TrainingRun.load(tmp_path / "run")
    assert same(weights(run.model), weights(loaded.model))
    assert loaded.history == run.history
    assert loaded.choices == run.choices
    own = fit(nn.Linear(5, 3), table(), epochs=1)
    own.save(tmp_path / "own")
    with pytest.raises(InputError, match="untrained"):
        TrainingRun.load(tmp_path / "own")
    assert TrainingRun.load(tmp_path / "own", model=nn.Linear(5, 3)).seed == own.seed


def test_out_of_memory_is_answered_with_smaller_parts():
    sizes = []

    def loss(model, batch):
        sizes.append(len(batch.inputs))
        if len(batch.inputs) > 10:
            raise torch.OutOfMemoryError("too large")
        return nn.functional.cross_entropy(model(batch.inputs), batch.targets)

    told = []

    class Listen(Silent):
        def message(self, text):
            told.append(text)

    models = [nn.Linear(5, 3), nn.Linear(5, 3)]
    models[1].load_state_dict(models[0].state_dict())
    with reporting(Listen()):
        fit(models[0], table(40), epochs=1, batch_size=40, loss=loss)
    fit(models[1], table(40), epochs=1, batch_size=40)
    assert sizes == [40, 20, 10, 10, 10, 10]
    assert "4 parts" in told[1]
    torch.testing.assert_close(models[0].weight, models[1].weight)
