import json
from xml.etree import ElementTree

import numpy as np
import pytest

from active_learning import SklearnLearner, simulate
from active_learning.simulations.curves import Curves, labels_to_reach
from active_learning.strategies import Margin
from thresher.core.embeddings import unit_length
from thresher.core.errors import InputError


def blobs(n=300, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.integers(classes, size=n)
    centers = rng.normal(size=(classes, 8)) * 2
    return centers[codes] + rng.normal(size=(n, 8)), np.array(list("abcd"))[codes]


def test_simulation_is_reproducible_and_auto_beats_random():
    x, y = blobs()
    first, second = (
        simulate(x, y, strategies=["auto", "random"], budgets=(4, 8, 16), seeds=3) for _ in range(2)
    )
    assert first.accuracy.tobytes() == second.accuracy.tobytes()
    area = first.area()
    assert area["auto"].mean() > area["random"].mean()


def test_strategies_that_need_a_model_start_with_start():
    x, y = blobs()
    found = simulate(x, y, strategies=[Margin(), "random", "bald"], budgets=(6, 12), seeds=2)
    np.testing.assert_array_equal(found.accuracy[0, :, 0], found.accuracy[2, :, 0])


def test_own_test_set_and_learners():
    x, y = blobs()
    from sklearn.naive_bayes import GaussianNB

    found = simulate(
        x[:200],
        y[:200],
        test_embeddings=x[200:],
        test_labels=y[200:],
        learner=SklearnLearner(GaussianNB()),
        budgets=(40, 200),
        strategies=["random"],
        seeds=[7],
    )
    unit = unit_length(x)
    direct = GaussianNB().fit(unit[:200], y[:200]).score(unit[200:], y[200:])
    assert found.accuracy[0, 0, 1] == pytest.approx(direct, abs=0.011)


def test_bad_budgets():
    x, y = blobs(n=40)
    with pytest.raises(InputError, match="30 rows available, 31 asked"):
        simulate(x, y, budgets=(31,))
    with pytest.raises(InputError, match="ascending"):
        simulate(x, y, budgets=(5, 5))
    with pytest.raises(InputError, match="Give both"):
        simulate(x, y, test_embeddings=x)
    with pytest.raises(InputError, match="40 labels"):
        simulate(x, y[:-1])


def curves():
    accuracy = np.array([[[0.5, 0.7, 0.9]], [[0.4, 0.6, 0.8]]])
    return Curves(("good", "random"), (10, 20, 40), (0,), accuracy, np.zeros((2, 1, 3)))


def test_curve_numbers_by_hand():
    found = curves()
    assert found.area()["good"] == pytest.approx(0.7)
    assert found.labels_to(0.8)["good"] == pytest.approx(20 * 2**0.5)
    assert found.labels_to_match()["random"] == pytest.approx(40)
    assert found.ranks() == {"good": 1.0, "random": 2.0}
    assert labels_to_reach((10, 20), np.array([0.5, 0.6]), target=0.9) is None
    assert labels_to_reach((10, 20), np.array([0.5, 0.6]), target=0.1) == 10


def test_curve_files(tmp_path):
    curves().to_json(tmp_path / "c.json")
    assert json.loads((tmp_path / "c.json").read_text())["mean_rank"]["good"] == 1.0
    curves().to_svg(tmp_path / "c.svg")
    root = ElementTree.fromstring((tmp_path / "c.svg").read_text())
    assert len(root.findall("{http://www.w3.org/2000/svg}polyline")) == 2


def test_simulate_sets_and_numbers():
    x, y = blobs(n=160)
    codes = np.searchsorted(list("abcd"), y)
    sets = np.stack([codes % 2, codes // 2], axis=1)
    for task, labels in (("multi_label", sets), ("regression", x[:, 0])):
        curves = simulate(x, labels, task=task, budgets=(10, 40), seeds=2)
        assert (curves.query_bytes > 1000).all()
        assert curves.of("auto").mean(axis=0)[1] > max(0.5, curves.of("auto").mean(axis=0)[0])
    with pytest.raises(InputError, match="'badge' needs pred_probs"):
        simulate(x, x[:, 0], task="regression", strategies=["badge"], budgets=(10,))
    with pytest.raises(InputError, match=r"shape \(rows, classes\)"):
        simulate(x, codes, task="multi_label", budgets=(10,))
