"""Probed rows: vectors keep the inner products, with the same signs on every processor."""

from __future__ import annotations

import datasets
import numpy as np
import pytest

from thresher.app import advise
from thresher.app.advising.sample import _spanned


@pytest.fixture
def other_signs(monkeypatch):
    """Let eigenvectors come with other signs, as from another library of linear algebra."""
    plain = np.linalg.eigh

    def turned(matrix):
        values, directions = plain(matrix)
        signs = np.random.default_rng(1).choice([-1.0, 1.0], size=directions.shape[1])
        return values, directions * signs

    def use():
        monkeypatch.setattr(np.linalg, "eigh", turned)

    return use


def test_directions_hold_the_inner_products_whatever_signs_they_come_with(other_signs):
    x = np.random.default_rng(0).normal(size=(30, 8))
    here = _spanned(x @ x.T)
    other_signs()
    there = _spanned(x @ x.T)
    np.testing.assert_array_equal(here, there)
    assert here.shape == (30, 8)
    # Rounded to float32: a relative error of 2⁻²⁴ in each of two factors.
    np.testing.assert_allclose(here @ here.T, x @ x.T, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["text", "features"])
def test_the_signs_of_eigenvectors_change_no_advice(tmp_path, other_signs, kind):
    rng = np.random.default_rng(0)
    codes = rng.integers(3, size=400)
    told = np.where(rng.random(400) < 0.2, rng.integers(3, size=400), codes)
    if kind == "text":
        words = np.array([f"word{at}" for at in range(60)])
        inputs = {
            "text": [
                " ".join(rng.choice(words[15 * code : 15 * code + 30], size=8)) for code in codes
            ]
        }
    else:
        points = rng.normal(size=(3, 6))[codes] + rng.normal(size=(400, 6))
        inputs = {f"x{at}": points[:, at] for at in range(6)}
    rows = datasets.Dataset.from_dict({**inputs, "label": [f"c{code}" for code in told]})

    def levers(folder, bottleneck):
        return advise(rows, out=tmp_path / folder, bottleneck=bottleneck, share=1).levers

    here = [levers("here", asked) for asked in ("labels", "cost")]
    other_signs()
    assert here == [levers("there", asked) for asked in ("labels", "cost")]
