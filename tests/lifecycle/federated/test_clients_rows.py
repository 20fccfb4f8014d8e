"""Which rows clients have: uneven splits for trials, and copies found by hashes alone."""

import hashlib

import numpy as np
import pytest

from lifecycle import dirichlet_split, rows_to_drop, salted_hashes
from thresher.core.errors import InputError

LABELS = np.random.default_rng(0).integers(0, 10, 5000)
SALT = b"s" * 32


@pytest.mark.parametrize("concentration", [0.05, 0.3, 100.0])
def test_each_row_has_one_client(concentration: float) -> None:
    parts = dirichlet_split(
        LABELS, clients=10, concentration=concentration, min_rows=20, random_state=1
    )
    assert sorted(np.concatenate(parts)) == list(range(5000))
    assert min(map(len, parts)) >= 20
    again = dirichlet_split(
        LABELS, clients=10, concentration=concentration, min_rows=20, random_state=1
    )
    assert all(map(np.array_equal, parts, again))


def test_shares_have_the_variance_of_the_dirichlet_distribution() -> None:
    labels = np.zeros(1000)
    for concentration in (0.3, 3.0):
        shares = np.array(
            [
                len(part) / 1000
                for seed in range(300)
                for part in dirichlet_split(
                    labels, clients=5, concentration=concentration, min_rows=0, random_state=seed
                )
            ]
        )
        expected = 0.2 * 0.8 / (5 * concentration + 1)
        assert shares.var() == pytest.approx(expected, rel=0.15)


def test_a_split_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="need 40 labels"):
        dirichlet_split(np.zeros(39), clients=20, min_rows=2)
    with pytest.raises(InputError, match="`concentration`"):
        dirichlet_split(np.zeros(39), clients=2, concentration=0)


def test_hashes_are_those_of_keyed_blake2b_and_differ_by_salt() -> None:
    found = salted_hashes(["é", b"\xc3\xa9"], salt=SALT)
    wanted = hashlib.blake2b("té".encode(), digest_size=16, key=SALT).digest()
    assert bytes(found[0]) == wanted
    assert found[0] != found[1]
    assert found[0] != salted_hashes(["é"], salt=b"t" * 32)[0]
    assert salted_hashes([], salt=SALT).shape == (0,)
    assert bytes(salted_hashes(["\x00"], salt=SALT)[0]) != bytes(salted_hashes([""], salt=SALT)[0])


def test_each_row_is_kept_once_over_all_clients() -> None:
    rng = np.random.default_rng(0)
    texts = {
        name: [str(n) for n in rng.integers(0, 300, size)]
        for name, size in (("big", 400), ("small", 50), ("mid", 200))
    }
    dropped = rows_to_drop({name: salted_hashes(rows, salt=SALT) for name, rows in texts.items()})
    kept = {
        name: [row for place, row in enumerate(rows) if place not in set(dropped[name].tolist())]
        for name, rows in texts.items()
    }
    every = [row for rows in kept.values() for row in rows]
    assert sorted(every) == sorted({row for rows in texts.values() for row in rows})
    assert set(kept["small"]) == set(texts["small"])
    assert list(dropped) == ["big", "small", "mid"]


def test_bad_salts_and_rows_are_refused() -> None:
    for salt in (b"", b"s" * 15, b"s" * 65, "s" * 20):
        with pytest.raises(InputError, match="16 to 64 bytes"):
            salted_hashes(["a"], salt=salt)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="Row 1 must be str or bytes, got int"):
        salted_hashes(["a", 3], salt=SALT)  # type: ignore[list-item]
