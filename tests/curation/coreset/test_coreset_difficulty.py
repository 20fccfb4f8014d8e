from __future__ import annotations

import io

import numpy as np
import pytest

from curation.coreset import select_coreset
from curation.coreset.difficulty import hardest, probe_error, probe_probs, probe_uncertainty
from curation.coreset.recorded import read_difficulty
from thresher.core.embeddings import Embeddings, unit_length
from thresher.core.errors import InputError

IDS = np.array(["a", "b", "c", "d"])
MARGINS = np.array([[1, 1, 1], [-1, 2, -1], [-1, -2, -3], [2, -1, 2]], dtype=np.float16)
ERRORS = np.array([[0.1, 0.1, 0.1], [0.9, 0.5, 0.9], [1, 1.2, 1.3], [0.2, 0.7, 0.3]], np.float16)


@pytest.fixture
def record(tmp_path):
    path = tmp_path / "dynamics.npz"
    np.savez(path, row_ids=IDS, margins=MARGINS, errors=ERRORS)
    return path


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("aum", [-1, 0, 2, -1]), ("el2n", [0.1, 2.3 / 3, 3.5 / 3, 0.4]), ("forgetting", [0, 1, 3, 1])],
)
def test_recorded_difficulties_by_hand(kind, expected, record):
    assert read_difficulty(record, kind, row_ids=IDS) == pytest.approx(expected, abs=1e-3)
    turned = read_difficulty(record, kind, row_ids=IDS[::-1])
    assert turned == pytest.approx(expected[::-1], abs=1e-3)


def test_epochs_that_were_not_reached_do_not_count(tmp_path):
    path = tmp_path / "dynamics.npz"
    margins = MARGINS.copy()
    margins[:, 2] = np.nan
    np.savez(path, row_ids=IDS, margins=margins, errors=margins)
    assert read_difficulty(path, "aum", row_ids=IDS).tolist() == [-1, -0.5, 1.5, -0.5]
    assert read_difficulty(path, "forgetting", row_ids=IDS).tolist() == [0, 0, 3, 1]


@pytest.mark.train
def test_the_trainers_record_is_read_as_the_trainer_reads_it(tmp_path):
    from training.loop.dynamics import Dynamics

    run = Dynamics(row_ids=IDS, margins=MARGINS, probabilities=1 - ERRORS, errors=ERRORS)
    run.save(tmp_path / "run.npz")
    for given in (run, tmp_path / "run.npz"):
        assert read_difficulty(given, "aum", row_ids=IDS) == pytest.approx(-run.aum, abs=1e-6)
        assert read_difficulty(given, "el2n", row_ids=IDS) == pytest.approx(run.el2n(), abs=1e-6)
        found, theirs = read_difficulty(given, "forgetting", row_ids=IDS), run.forgetting()
        assert found[[0, 1, 3]].tolist() == theirs[[0, 1, 3]].tolist()


def test_records_that_cannot_be_used_are_named(tmp_path, record):
    with pytest.raises(InputError, match=r"1 of 5 rows are not recorded.*such as e"):
        read_difficulty(record, "aum", row_ids=np.array([*IDS, "e"]))
    empty, text, short = tmp_path / "empty.npz", tmp_path / "text.npz", io.BytesIO()
    empty.write_bytes(b"")
    text.write_text("row_ids")
    np.savez(short, row_ids=IDS)
    (tmp_path / "short.npz").write_bytes(short.getvalue())
    (tmp_path / "cut.npz").write_bytes(record.read_bytes()[:200])
    for path in (empty, text, tmp_path / "short.npz", tmp_path / "cut.npz", tmp_path / "none.npz"):
        with pytest.raises(InputError, match="cannot be read as training dynamics"):
            read_difficulty(path, "aum", row_ids=IDS)
    np.savez(tmp_path / "uneven.npz", row_ids=IDS, margins=MARGINS, errors=ERRORS[:2])
    with pytest.raises(InputError, match=r"of shape \(4, epochs\)"):
        read_difficulty(tmp_path / "uneven.npz", "aum", row_ids=IDS)


def test_the_hardest_recorded_rows_come_first(record):
    X = unit_length(np.random.default_rng(0).normal(size=(4, 3)))
    chosen = select_coreset(
        Embeddings.from_vectors(X, row_ids=IDS), n=2, method="aum", dynamics=record
    )
    assert chosen.row_ids.tolist() == ["c", "b"]
    with pytest.raises(InputError, match="not both"):
        select_coreset(X, n=2, method="ccs", dynamics=record, scores=np.arange(4.0))


def test_the_probe_finds_rows_of_another_class_hard():
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1], 40)
    X = unit_length(np.eye(2)[codes] + rng.normal(size=(80, 2)) * 0.05)
    wrong = codes.copy()
    wrong[[3, 50]] = 1 - wrong[[3, 50]]
    assert set(hardest(probe_error(probe_probs(X, wrong), wrong), 2).tolist()) == {3, 50}
    chosen = select_coreset(X, n=2, method="el2n", labels=wrong)
    assert set(chosen.positions.tolist()) == {3, 50}


def test_the_probe_is_unsure_where_classes_meet():
    degrees = np.concatenate([np.linspace(0, 40, 20), np.linspace(50, 90, 20)])
    X = unit_length(np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1))
    codes = np.repeat([0, 1], 20)
    probs = probe_probs(X, codes)
    unsure = probe_uncertainty(probs)
    assert unsure == pytest.approx(1 - np.abs(probs[:, 0] - probs[:, 1]))
    assert set(np.argsort(-unsure)[:2]) == {19, 20}
    assert probe_uncertainty(np.ones((3, 1))).tolist() == [1, 1, 1]
