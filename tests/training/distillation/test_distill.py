import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from thresher.core.errors import InputError
from training import Hook, compact_model, distill, evaluate, fit
from training.distillation.losses import LOSSES
from training.distillation.relations import similarity_loss
from training.rows.samples import samples_from_arrays
from training.torch_runtime.flops import count_flops


def table(n=300, seed=0, classes=6):
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(99).normal(size=(classes, 5))
    targets = np.arange(n) % classes
    features = rng.normal(size=(n, 5)) * 0.5 + centers[targets]
    return samples_from_arrays(features, row_ids=np.arange(n).astype(str), targets=targets)


def net(classes=6, width=16, **options):
    options = {"dropout": 0.0} | options
    return compact_model("mlp", num_classes=classes, input_shape=(5,), width=width, **options)


def weights(model):
    return [tensor.clone() for tensor in model.state_dict().values()]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def teacher():
    return fit(net(width=64), table(), epochs=15).model


LOGITS = (
    torch.tensor([[2.0, -1.0, 0.5], [0.1, 0.2, 0.3]]),
    torch.tensor([[1.0, 0.0, 1.0], [3.0, -2, 0]]),
)


def test_kd_is_the_divergence_of_the_softened_distributions():
    student, teacher = LOGITS
    p, q = (teacher / 4).softmax(1), (student / 4).softmax(1)
    by_hand = 16 * (p * (p.log() - q.log())).sum(1)
    torch.testing.assert_close(LOSSES["kd"](student, teacher, torch.tensor([0, 1]), 4.0), by_hand)


def test_dkd_with_equal_parts_is_kd_rewritten():
    # Zhao et al.: KD = TCKD + (1 − p_target) · NCKD.
    student, teacher = LOGITS
    targets = torch.tensor([0, 1])
    p, q = teacher.softmax(1), student.softmax(1)
    pt, qt = p[[0, 1], targets], q[[0, 1], targets]
    tckd = pt * (pt / qt).log() + (1 - pt) * ((1 - pt) / (1 - qt)).log()
    kd = LOSSES["kd"](student, teacher, targets, 1.0)
    nckd = (kd - tckd) / (1 - pt)
    torch.testing.assert_close(LOSSES["dkd"](student, teacher, targets, 1.0), tckd + 2 * nckd)


def test_dist_matches_numpy_correlation():
    student, teacher = LOGITS
    p, q = student.softmax(1).numpy(), teacher.softmax(1).numpy()
    rows = [1 - np.corrcoef(a, b)[0, 1] for a, b in zip(p, q, strict=True)]
    columns = np.mean([1 - np.corrcoef(a, b)[0, 1] for a, b in zip(p.T, q.T, strict=True)])
    found = LOSSES["dist"](student, teacher, torch.tensor([0, 1]), 1.0)
    np.testing.assert_allclose(found, np.array(rows) + columns, rtol=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_no_loss_where_the_student_agrees(name):
    _, teacher = LOGITS
    student = teacher.clone().requires_grad_()
    losses = LOSSES[name](student, teacher, torch.tensor([0, 1]), 2.0)
    torch.testing.assert_close(losses.detach(), torch.zeros(2), atol=1e-5, rtol=0)
    losses.sum().backward()
    assert torch.isfinite(student.grad).all()


@pytest.mark.parametrize("name", LOSSES)
def test_losses_stay_finite_with_extreme_and_equal_logits(name):
    student = torch.tensor([[1e4, -1e4, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    teacher = torch.tensor([[-1e4, 1e4, 0.0], [0.0, 0.0, 0.0]])
    losses = LOSSES[name](student, teacher, torch.tensor([0, 1]), 4.0)
    losses.sum().backward()
    assert torch.isfinite(losses).all()
    assert torch.isfinite(student.grad).all()


@pytest.mark.parametrize("method", LOSSES)
def test_a_pool_without_labels_is_enough(teacher, method):
    student = net(width=8)
    before = weights(teacher)
    run = distill(student, teacher, table().without_targets(), epochs=25, method=method)
    test = table(seed=1)
    assert evaluate(student, test).accuracy >= evaluate(teacher, test).accuracy - 0.05
    assert run.choices["alpha"].value == "1"
    assert same(weights(teacher), before)
    assert not teacher.training


def test_without_augmentation_the_cache_changes_almost_nothing(teacher):
    # One cached view against a teacher that runs along: only float16 lies between.
    cached, along = net(width=8), net(width=8)
    first = distill(cached, teacher, table(), epochs=3)
    second = distill(along, teacher, table(), epochs=3, augment=lambda inputs, *_: inputs)
    torch.testing.assert_close(cached.head.weight, along.head.weight, atol=5e-3, rtol=0)
    assert first.flops < second.flops
    assert first.choices["teacher"].value == "1 cached view"
    assert second.choices["teacher"].value == "runs along"


def test_cached_views_are_the_ones_the_student_sees(teacher, tmp_path):
    calls = []

    def augment(inputs, keys, epoch):
        calls.append(epoch)
        return inputs + epoch

    student = net(width=8)
    run = distill(
        student, teacher, table(), epochs=5, augment=augment, cached_views=2, cache_dir=tmp_path
    )
    assert max(calls) == 1
    files = list(tmp_path.iterdir())
    logits = np.load(files[0])
    assert logits.shape == (2, 300, 6)
    with torch.no_grad():
        expected = teacher(table().inputs + 1).numpy()
    np.testing.assert_allclose(logits[1], expected, rtol=2e-3, atol=2e-3)
    again = net(width=8)
    second = distill(
        again, teacher, table(), epochs=5, augment=augment, cached_views=2, cache_dir=tmp_path
    )
    assert list(tmp_path.iterdir()) == files
    assert same(weights(student), weights(again))
    assert second.flops < run.flops


def test_what_the_teacher_took_counts_after_a_stop_and_not_for_the_next_student(teacher, tmp_path):
    class Kill(Hook):
        def on_epoch_end(self, moment):
            if moment.epoch == 1:
                raise KeyboardInterrupt

    def trained(place, *hooks):
        options = {"epochs": 3, "cache_dir": tmp_path / "logits", "hooks": hooks}
        return distill(net(), teacher, table(), checkpoint_dir=tmp_path / place, **options)

    with pytest.raises(KeyboardInterrupt):
        trained("stopped", Kill())
    resumed = trained("stopped")
    whole = distill(net(), teacher, table(), epochs=3)
    assert resumed.flops == whole.flops
    following = trained("next")
    teachers_pass = 300 * count_flops(teacher, table().inputs[:1])
    assert whole.flops - following.flops == pytest.approx(teachers_pass, rel=1e-6)


def test_given_logits_teach_as_the_model_that_made_them(teacher, tmp_path):
    rows = table(60).without_targets()
    with torch.no_grad():
        logits = teacher.eval()(rows.inputs).numpy()
    students = [net(), net(), net()]
    distill(students[0], teacher, rows, epochs=2)
    distill(students[1], logits, rows, epochs=2)
    assert same(weights(students[0]), weights(students[1]))
    seen = []

    def augment(inputs, keys, epoch):
        seen.append(epoch)
        return inputs

    run = distill(students[2], logits, rows, epochs=2, augment=augment, checkpoint_dir=tmp_path)
    assert 1 in seen  # given logits do not hold the student to the view of epoch 0
    assert run.choices["teacher"].value == "given logits"
    with pytest.raises(InputError, match="another run"):
        distill(net(), logits + 1, rows, epochs=2, augment=augment, checkpoint_dir=tmp_path)


@pytest.mark.parametrize(
    ("logits", "options", "told"),
    [
        (np.zeros((59, 6)), {}, "60 rows"),
        (np.zeros((60, 5)), {}, "6 classes"),
        (np.full((60, 6), np.nan), {}, "not all finite"),
        (np.zeros((60, 6)), {"cached_views": 2}, "cached_views"),
        (np.zeros((60, 6)), {"relations": 1.0}, "relations"),
    ],
)
def test_given_logits_that_do_not_fit_are_told(logits, options, told):
    with pytest.raises(InputError, match=told):
        distill(net(), logits, table(60), epochs=1, **options)


def test_several_teachers_and_unlabeled_rows_among_labeled(teacher):
    samples = table()
    samples.targets[::3] = -1
    student = net(width=8)
    run = distill(student, [teacher, copy.deepcopy(teacher)], samples, epochs=15, alpha=0.5)
    assert evaluate(student, table(seed=1)).accuracy > 0.8
    assert run.history[-1]["accuracy"] > 0.8


def test_alpha_0_is_training_on_labels(teacher):
    alone, taught = net(width=8), net(width=8)
    fit(alone, table(), epochs=2)
    distill(taught, teacher, table(), epochs=2, alpha=0.0)
    torch.testing.assert_close(alone.head.weight, taught.head.weight)


def test_a_distillation_is_resumed_only_with_its_own_teacher(teacher, tmp_path):
    distill(net(width=8), teacher, table(), epochs=2, checkpoint_dir=tmp_path)
    distill(net(width=8), teacher, table(), epochs=2, checkpoint_dir=tmp_path)
    with pytest.raises(InputError, match="callables"):
        distill(net(width=8), net(), table(), epochs=2, checkpoint_dir=tmp_path)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"teacher": net(classes=5)}, "5 classes and the student 6"),
        ({"teacher": []}, "empty"),
        ({"temperature": 0.0}, "temperature"),
        ({"alpha": 1.1}, "alpha"),
        ({"method": "dk"}, "method"),
        ({"cached_views": 2, "mix": lambda *parts: parts[:2]}, "mix"),
        ({"cache_dir": "x", "augment": lambda inputs, *_: inputs}, "cached_views"),
    ],
)
def test_wrong_input_is_told(options, told):
    options = {"teacher": net(), "epochs": 1} | options
    with pytest.raises(InputError, match=told):
        distill(net(width=8), options.pop("teacher"), table(30), **options)


def test_a_broken_teacher_is_told():
    broken = net()
    nn.init.constant_(broken.head.bias, torch.nan)
    with pytest.raises(InputError, match="not finite"):
        distill(net(width=8), broken, table(30), epochs=1)


def test_soft_targets_are_used_with_mix(teacher):
    def mix(inputs, targets, keys, epoch):
        return inputs, F.one_hot(targets, 6).float()

    run = distill(net(width=8), teacher, table(), epochs=1, mix=mix, method="dkd")
    assert run.choices["teacher"].value == "runs along"


def test_similarities_are_those_of_numpy():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(6, 4)).astype(np.float32), rng.normal(size=(6, 9)).astype(np.float32)
    grams = [v @ v.T for v in (a, b)]
    p, q = (g / np.linalg.norm(g, axis=1, keepdims=True) for g in grams)
    found = similarity_loss(torch.from_numpy(a), torch.from_numpy(b))
    np.testing.assert_allclose(found, ((p - q) ** 2).sum(1), rtol=1e-4)
    turned = torch.from_numpy(a) @ torch.linalg.qr(torch.randn(4, 4))[0]
    torch.testing.assert_close(
        similarity_loss(torch.from_numpy(a), 3 * turned), torch.zeros(6), atol=1e-5, rtol=0
    )


def test_relations_bring_hidden_vectors_closer(teacher):
    def distance(student):
        inputs = table(seed=1).inputs
        with torch.no_grad():
            hidden = [
                model.eval().features(model.normalize(inputs)) for model in (student, teacher)
            ]
        return similarity_loss(*hidden).mean()

    students = [net(width=8), net(width=8)]
    distill(students[0], teacher, table(), epochs=15)
    run = distill(students[1], teacher, table(), epochs=15, relations=5.0)
    assert distance(students[1]) < 0.8 * distance(students[0])
    assert run.choices["teacher"].value == "runs along"
    assert not students[1].head._forward_pre_hooks
    with pytest.raises(InputError, match="not cached"):
        distill(net(), teacher, table(), epochs=1, relations=1.0, cached_views=2)
