import numpy as np
import pytest
from sklearn.datasets import load_digits

from active_learning import Session, simulate
from active_learning.sessions.learning_curve import fit_power_law


def test_forecasts_follow_simulated_learning_curves():
    x, y = load_digits(return_X_y=True)
    budgets = (20, 40, 60, 80, 100, 200, 400)
    losses = 1.0 - simulate(x, y, strategies=["random"], budgets=budgets, seeds=3).of(
        "random"
    ).mean(axis=0)
    curve = fit_power_law(np.array(budgets[:5], dtype=float), losses[:5])
    assert curve.at(200) == pytest.approx(losses[5], abs=0.02)
    assert curve.at(400) == pytest.approx(losses[6], abs=0.03)
    # From 100 labels on, within 30 % of what it takes.
    assert 140 < curve.labels_for(losses[5]) < 260


def session(tmp_path, *, noise, labels, target=None):
    rng = np.random.default_rng(0)
    kind = rng.integers(3, size=300)
    points = 4.0 * np.eye(3)[kind] + noise * rng.normal(size=(300, 3))
    with Session(
        tmp_path / "s.db", embeddings=points, classes=["a", "b", "c"], audit=0.4, background=False
    ) as opened:
        assert "too few" in opened.report().advice.reasons[0]
        while opened.state.labeled.sum() < labels:
            batch = opened.ask(20)
            opened.tell({row: "abc"[kind[int(row)]] for row in batch.row_ids})
        return opened.report(target=target)


def test_it_says_stop_where_labels_no_longer_help_and_not_before(tmp_path):
    (tmp_path / "easy").mkdir()
    (tmp_path / "hard").mkdir()
    easy = session(tmp_path / "easy", noise=0.2, labels=100)
    assert easy.advice.stop
    assert easy.advice.agreement > 0.99
    hard = session(tmp_path / "hard", noise=4.0, labels=40, target=0.97)
    assert not hard.advice.stop
    assert hard.advice.labels_to_target > 0
    assert len(hard.advice.reasons) == 5


def test_a_report_does_not_hold_up_those_who_label(tmp_path):
    """A report works on a copy of the state."""
    rng = np.random.default_rng(1)
    points = rng.normal(size=(100, 3))
    opened = Session(tmp_path / "s.db", embeddings=points, classes=["a", "b"], background=False)
    opened.tell({str(k): "ab"[k % 2] for k in range(30)})
    copy = opened.state.copy()
    opened.tell({"50": "a"})
    assert not copy.labeled[50]
    assert opened.state.labeled[50]
    opened.close()
