"""The trial from pixels: what it decides, and when it ends before its last epoch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from thresher.app.steps.start_trial import BOTH, ENCODER, PIXELS, Seen, Watch, judge_trial, settled
from training import Hook, Moment, compact_model, fit, samples_from_arrays


def right(share: float, n: int = 1000) -> np.ndarray:
    return np.arange(n) < round(share * n)


def whole(share: float, n: int = 1000) -> list[Seen]:
    return [Seen(80, right(share, n), 1.0)]


@pytest.mark.parametrize(
    ("encoder", "pixels", "expected"),
    [(0.93, 0.3, ENCODER), (0.7, 0.5, BOTH), (0.7, 0.7, PIXELS), (0.9, 0.95, PIXELS)],
)
def test_the_trial_decides_by_left_out_rows(encoder: float, pixels: float, expected: str) -> None:
    chosen = judge_trial(right(encoder), whole(pixels), epochs=80)
    assert chosen.value == expected
    assert f"{100 * encoder:.1f} % of 1,000 left-out rows" in chosen.reason
    assert f"after 80 of at most 80 epochs, {100 * pixels:.1f} %" in chosen.reason


def test_few_left_out_rows_decide_nothing() -> None:
    for encoder, pixels in ((right(0.5, 4), ~right(0.5, 4)), (right(1, 2), right(0.5, 2))):
        chosen = judge_trial(encoder, [Seen(80, pixels, 1.0)], epochs=80)
        assert chosen.value == BOTH
        assert "too few rows to tell by" in chosen.reason
    assert judge_trial(right(0, 10), whole(1, 10), epochs=80).value == PIXELS


@pytest.mark.parametrize(
    ("encoder", "shares", "ends"),
    [
        (0.93, [0.1, 0.1, 0.1], True),  # nothing learned by a doubling
        (0.93, [0.1, 0.3, 0.5], False),  # 20 points a doubling, two of them left
        (0.6, [0.1, 0.1, 0.2], False),  # 10 points a doubling, two left, and 40 ahead
        (0.7, [0.5, 0.72, 0.74], True),  # ahead twice
        (0.7, [0.5, 0.8], True),  # surely ahead
        (0.7, [0.5, 0.6, 0.65], False),  # close
        (0.93, [0.1], False),  # nothing to tell a gain by
    ],
)
def test_it_ends_where_the_rest_changes_nothing(
    encoder: float, shares: list[float], ends: bool
) -> None:
    seen = [Seen(5 * 2**at, right(share), 0.8) for at, share in enumerate(shares)]
    assert bool(settled(right(encoder), seen, epochs=80)) is ends
    assert settled(right(encoder), [*seen[:-1], Seen(80, seen[-1].right, 0.8)], epochs=80) == ""


def test_it_goes_on_where_it_was_ahead_once_by_little_or_has_not_begun_to_learn() -> None:
    encoder, flat = right(0.65, 135), right(0.1, 135)
    peak = [Seen(5, right(0.5, 135), 0.9), Seen(10, right(0.67, 135), 1.0)]
    assert settled(encoder, peak, epochs=80) == ""
    slow = [Seen(5, flat, 0.1), Seen(10, flat, 0.2)]
    assert settled(right(0.95, 135), slow, epochs=80) == ""
    assert settled(right(0.95, 135), [*slow[:1], Seen(10, flat, 0.6)], epochs=80)


def test_a_look_after_fewer_than_twice_the_epochs_counts_its_gain_for_more() -> None:
    """Of 12 epochs it is looked at after 2, 3 and 6: 15 points in half a doubling, two are left."""
    seen = [Seen(2, right(0.1), 0.8), Seen(3, right(0.25), 0.8)]
    ahead, left = 0.93 - 0.25, 2
    assert ahead - left * 0.15 > 0.35 > ahead - left * 0.15 / np.log2(3 / 2)
    assert settled(right(0.93), seen, epochs=12) == ""
    assert settled(right(0.93), [Seen(1, right(0.1), 0.8), seen[1]], epochs=12)


def test_what_ends_it_is_told() -> None:
    seen = [Seen(10, right(0.1), 0.8), Seen(20, right(0.11), 0.9)]
    chosen = judge_trial(right(0.93), seen, epochs=80)
    assert chosen.value == ENCODER
    why = "since the last doubling of them gained +1.0 points (+1.6 at most) and 2.0 are left"
    assert f"after 20 of at most 80 epochs; no longer, {why}, 11.0 %: +82.0" in chosen.reason


class Kill(Hook):
    def on_epoch_end(self, moment: Moment) -> None:
        if moment.epoch == 1:  # the checkpoint of the epoch before holds the first look
            raise KeyboardInterrupt


def test_a_trial_that_was_killed_ends_where_it_would_have_ended(tmp_path: Path) -> None:
    """Left-out rows whose labels are drawn by chance: an early look ends it, resumed as well."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, 8)).astype(np.float32)
    codes = np.where(np.arange(300) < 100, values[:, :4].argmax(1), rng.integers(0, 4, 300))
    rows = samples_from_arrays(values, row_ids=np.arange(300).astype(str), targets=codes)
    learned, held = rows.take(np.arange(100)), rows.take(np.arange(100, 300))

    def trained(folder: Path, *more: Hook) -> tuple[Watch, list[np.ndarray], int]:
        watch = Watch(held, np.ones(200, bool), epochs=16, common=0.25, device="cpu")
        model = compact_model("mlp", num_classes=4, input_shape=(8,), width=8, random_state=0)
        options = {
            "epochs": 16,
            "batch_size": 10,
            "lr": 0.03,
            "checkpoint_dir": folder,
            "device": "cpu",
        }
        done = fit(model, learned, hooks=(watch, *more), random_state=0, **options)
        assert done.choices["epochs"].reason == "a hook has ended training"
        return watch, [one.detach().numpy() for one in model.parameters()], done.rows_seen

    watch, weights, seen = trained(tmp_path / "a")
    looks = [one.epochs for one in watch.seen]
    assert looks[:2] == [1, 2]
    assert looks[-1] < 16
    assert seen == 100 * looks[-1]
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "b", Kill())
    resumed, again, seen_again = trained(tmp_path / "b")
    assert [one.epochs for one in resumed.seen] == looks
    assert seen_again == seen
    for one, other in zip(weights, again, strict=True):
        np.testing.assert_array_equal(one, other)
    finished, same, _ = trained(tmp_path / "b")  # killed after its end: nothing is trained again
    assert [one.epochs for one in finished.seen] == looks
    for one, other in zip(weights, same, strict=True):
        np.testing.assert_array_equal(one, other)
