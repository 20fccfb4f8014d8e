"""Core sets of so many tokens: in the order of the method, as many as fit."""

from __future__ import annotations

import datasets
import numpy as np
import pytest

from curation import Curator, select_coreset
from thresher.app import curate_coreset
from thresher.core.errors import InputError

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(300, 8))
COUNTS = RNG.integers(1, 200, 300)


@pytest.mark.parametrize("method", ["random", "k_center", "novelsum", "gip", "longest"])
@pytest.mark.parametrize("tokens", [200, 3_000, 20_000])
def test_rows_are_taken_in_order_for_as_long_as_they_fit(method: str, tokens: int) -> None:
    options = {"method": method, "token_counts": COUNTS}
    chosen = select_coreset(VECTORS, tokens=tokens, **options)
    spent = COUNTS[chosen.positions].sum()
    assert tokens - COUNTS.max() < spent <= tokens
    assert len(set(chosen.positions.tolist())) == len(chosen)
    if method in ("k_center", "novelsum", "longest"):  # whose order does not depend on the size
        same = select_coreset(VECTORS, n=len(chosen), **options)
        assert chosen.positions.tolist() == same.positions.tolist()


def test_longest_takes_most_tokens_first() -> None:
    chosen = select_coreset(VECTORS, n=10, method="longest", token_counts=COUNTS)
    assert COUNTS[chosen.positions].tolist() == sorted(COUNTS.tolist())[::-1][:10]


def test_a_budget_for_all_takes_all() -> None:
    chosen = select_coreset(VECTORS, tokens=1e9, token_counts=COUNTS)
    assert len(chosen) == 300


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "Give the size"),
        ({"n": 3, "tokens": 5}, "Give the size"),
        ({"tokens": 50}, "needs `token_counts`"),
        ({"tokens": -1, "token_counts": COUNTS}, "`tokens` must be in"),
        ({"tokens": 5, "token_counts": np.full(300, 9)}, "does not hold the first row"),
        ({"tokens": 5, "token_counts": COUNTS[:9]}, "must be 300 whole numbers"),
        ({"tokens": 5, "token_counts": COUNTS / 2}, "must be 300 whole numbers"),
        ({"n": 3, "method": "longest"}, "needs `token_counts`"),
    ],
)
def test_bad_options(options: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        select_coreset(VECTORS, **options)


def test_the_step_of_a_curator_and_the_command_count_words() -> None:
    texts = [" ".join(f"w{row}x{at}" for at in range(1 + row % 9)) for row in range(90)]
    rows = datasets.Dataset.from_dict({"text": texts})
    curator = Curator([("coreset", {"tokens": 50, "method": "random"})]).fit(rows)
    kept = np.flatnonzero(curator.manifest_.actions == "keep")
    assert 41 <= sum(1 + row % 9 for row in kept.tolist()) <= 50
    assert "of 450 tokens" in curator.methods_["coreset"]
    found = curate_coreset(rows, tokens=50, method="longest")
    assert found.manifest.counts()["keep"] == 5  # of nine words each
    with pytest.raises(InputError, match="one of them"):
        curate_coreset(rows, rows=3, tokens=50)
    with pytest.raises(InputError, match="no tokenizer"):
        curate_coreset(rows, tokens=50, tokenizer="none.json")
    numbers = datasets.Dataset.from_dict({"x": list(range(30))})
    with pytest.raises(InputError, match="Tokens are counted in texts"):
        curate_coreset(numbers, tokens=50)
    with pytest.raises(InputError, match="needs one size"):
        Curator([("coreset", {"n": 3, "tokens": 50})]).fit(rows)
