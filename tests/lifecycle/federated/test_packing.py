"""Updates in 8 bits: right on average, nothing lost over rounds, damage refused."""

import subprocess
import sys

import numpy as np
import pytest

from lifecycle import PackedUpdate, UpdatePacker
from thresher.core.errors import InputError

RNG = np.random.default_rng(0)
UPDATE = RNG.normal(size=3000).astype(np.float32) * np.repeat([1, 100, 1e-4], 1000)


def test_rounding_is_right_on_average_and_off_by_less_than_a_step() -> None:
    draws = np.stack(
        [UpdatePacker(3000, random_state=seed).pack(UPDATE).values() for seed in range(400)]
    )
    step = np.repeat(
        [np.abs(UPDATE[start : start + 1024]).max() / 127 for start in (0, 1024, 2048)], 1024
    )[:3000]
    assert (np.abs(draws - UPDATE) <= step * 1.0001).all()
    # The mean of 400 draws has a standard error of at most half a step over 20.
    assert (np.abs(draws.mean(0) - UPDATE) <= 5 * step / 40).all()


def test_what_rounding_takes_away_comes_with_later_updates() -> None:
    packer = UpdatePacker(3000, random_state=0)
    updates = RNG.normal(size=(50, 3000))
    sent = sum(packer.pack(update).values().astype(np.float64) for update in updates)
    single = np.abs(updates).max() / 127
    # Over any number of rounds the sum is off by what the last one owes, at most a step.
    assert np.abs(sent - updates.sum(0)).max() < 1.1 * single


def test_a_quarter_of_the_bytes_and_back() -> None:
    packed = UpdatePacker(3000, random_state=0).pack(UPDATE)
    data = packed.to_bytes()
    assert len(data) == 16 + 3 * 4 + 3000
    read = PackedUpdate.from_bytes(data)
    assert np.array_equal(read.values(), packed.values())
    assert read.values().dtype == np.float32


def test_zeros_and_one_number() -> None:
    packer = UpdatePacker(1, random_state=0)
    assert packer.pack([0.0]).values().tolist() == [0.0]
    assert packer.pack([3.0]).values() == pytest.approx([3.0])


def test_damage_is_refused() -> None:
    data = UpdatePacker(3000, random_state=0).pack(UPDATE).to_bytes()
    for length in (0, 7, 8, 500, len(data) - 1):
        with pytest.raises(InputError, match="cut or damaged"):
            PackedUpdate.from_bytes(data[:length])
    broken = data[:16] + np.float32(np.nan).tobytes() + data[20:]
    with pytest.raises(InputError, match="not finite"):
        PackedUpdate.from_bytes(broken)


def test_what_is_no_update_is_refused_and_changes_nothing() -> None:
    packer, fresh = UpdatePacker(2, random_state=0), UpdatePacker(2, random_state=0)
    with pytest.raises(InputError, match="1 number of the update is not finite"):
        packer.pack([1.0, np.inf])
    with pytest.raises(InputError, match="2 numbers was expected"):
        packer.pack([1.0])
    assert np.array_equal(packer.pack([1.0, 0.3]).numbers, fresh.pack([1.0, 0.3]).numbers)


def test_the_largest_numbers_are_sent_and_the_others_owed() -> None:
    packer = UpdatePacker(3000, share=0.1, random_state=0)
    packed = packer.pack(UPDATE)
    assert packed.places is not None
    kept = np.sort(np.argsort(-np.abs(UPDATE))[:300])
    assert np.array_equal(packed.places, kept)
    sent = packed.values()
    assert not sent[np.setdiff1d(np.arange(3000), kept)].any()
    np.testing.assert_allclose(sent + packer.owed, UPDATE, rtol=1e-5, atol=1e-6)
    read = PackedUpdate.from_bytes(packed.to_bytes())
    assert np.array_equal(read.values(), sent)
    # A byte for a number, one for its place, and a scale for each 1,024.
    assert len(packed.to_bytes()) <= 16 + 4 + 300 + 300 + 3000 // 255 + 1


def test_what_is_left_out_comes_with_later_updates() -> None:
    packer = UpdatePacker(200, share=0.05, random_state=0)
    updates = RNG.normal(size=(400, 200)) + 0.5
    sent = sum(packer.pack(update).values().astype(np.float64) for update in updates)
    # In the mean over rounds nothing is missing but what the last ones owe.
    np.testing.assert_allclose(sent + packer.owed, updates.sum(0), rtol=1e-3, atol=1e-3)
    assert np.abs(packer.owed).max() < 0.2 * updates.sum(0).min()


@pytest.mark.parametrize(
    "places",
    [[0], [254], [255], [256], [0, 1, 2], [5, 260, 515, 771, 2999], [2999], list(range(9))],
)
def test_places_of_every_distance_are_read(places: list[int]) -> None:
    numbers = np.arange(1, len(places) + 1, dtype=np.int8)
    packed = PackedUpdate(numbers, np.array([1], np.float32), np.array(places), 3000)
    read = PackedUpdate.from_bytes(packed.to_bytes())
    assert read.places is not None
    assert read.places.tolist() == places
    assert read.values()[places].tolist() == numbers.tolist()


def test_damaged_places_are_refused() -> None:
    packed = UpdatePacker(3000, share=0.01, random_state=0).pack(UPDATE)
    data = packed.to_bytes()
    for wrong in (data[:-1], data + b"\x00", data[:-1] + b"\xff", data[:8], b"", data[:-30]):
        with pytest.raises(InputError, match="cut or damaged"):
            PackedUpdate.from_bytes(wrong)
    far = data[:-1] + b"\xff" * 20 + data[-1:]
    with pytest.raises(InputError, match="cut or damaged"):
        PackedUpdate.from_bytes(far)
    huge = np.array([2**62, 2**61], "<u8").tobytes() + data[16:]
    with pytest.raises(InputError, match="cut or damaged"):
        PackedUpdate.from_bytes(huge)
    for share in (0, -1, 1.5, "all"):
        with pytest.raises(InputError, match="`share`"):
            UpdatePacker(3, share=share)  # type: ignore[arg-type]


def test_clients_need_numpy_and_pyarrow_alone() -> None:
    # Flower's environment has none of the others that Thresher needs elsewhere.
    program = """
import sys
others = ("datasets", "pandas", "scipy", "sklearn", "threadpoolctl", "torch", "typer")
sys.modules.update(dict.fromkeys(others))
import numpy as np
from lifecycle import ClientUpdate, UpdatePacker, combine_updates, train_head
head = train_head(np.zeros((3, 2), np.float32), np.eye(2), [0, 1], steps=5, random_state=0)
change = UpdatePacker(6, random_state=0).pack(head.ravel()).values()
print(combine_updates([ClientUpdate("a", change, 2, 5)], quorum=1).change.shape)
"""
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout.strip()) == (0, "(6,)"), found.stderr
