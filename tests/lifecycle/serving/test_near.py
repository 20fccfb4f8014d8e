"""Near repeats: the rule against brute force, what it promises on fresh rows, what it refuses."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom
from starlette.testclient import TestClient

from lifecycle import ServedModel, ServingOptions, load_served, serving_app
from lifecycle.serving.near import NearCache, choose_near, embed_rows, upper_limit
from thresher.core.errors import InputError

SPREAD = 2e-4


def stream(n: int, seed: int) -> np.ndarray:
    """Rows of which most repeat one of 40 earlier ones with a little noise."""
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(99).normal(size=(40, 6))
    rows = centers[rng.integers(0, 40, n)] + rng.normal(size=(n, 6)) * SPREAD
    fresh = rng.random(n) < 0.1
    rows[fresh] = rng.normal(size=(int(fresh.sum()), 6))
    return rows.astype(np.float32)


@pytest.fixture(scope="module")
def small(models: Path) -> ServedModel:
    return load_served(models / "small", threads=1)


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("near") / "rows.npy"
    np.save(path, stream(4500, seed=1))
    return path


def test_the_upper_limit_is_that_of_the_binomial() -> None:
    for differing, hits in ((0, 2995), (0, 10), (3, 5000), (17, 100)):
        limit = upper_limit(differing, hits)
        assert binom.cdf(differing, hits, limit) == pytest.approx(0.05, rel=1e-6)
    assert upper_limit(0, 2995) <= 0.001 < upper_limit(0, 2994)
    assert upper_limit(5, 5) == 1


def test_the_rule_counts_what_brute_force_counts(small: ServedModel, held_out: Path) -> None:
    rows = np.load(held_out)
    rule = choose_near(small, rows)
    vectors = (embed_rows(rows) - rule.center) / rule.scale
    classes = small.predict(rows).argmax(1)
    hits = differing = 0
    for at in range(1, len(rows)):
        gaps = np.linalg.norm(vectors[:at].astype(np.float64) - vectors[at], axis=1)
        if gaps.min() <= rule.distance + 1e-9:
            hits += 1
            differing += classes[at] != classes[gaps.argmin()]
    assert (rule.hits, rule.differing) == (hits, differing)
    assert rule.bound == upper_limit(differing, hits) <= 0.001
    assert "with 95 % confidence" in str(rule)


def test_fresh_rows_keep_the_promise_and_most_are_answered_near(
    small: ServedModel, held_out: Path
) -> None:
    rule = choose_near(small, np.load(held_out))
    cache = NearCache(rule, limit=1 << 20, classes=3)
    hits = wrong = 0
    fresh = stream(4000, seed=2)
    truth = small.predict(fresh)
    for row, logits in zip(fresh, truth, strict=True):
        found = cache.lookup(row[None])
        if found:
            hits += 1
            wrong += found[0].logits.argmax() != logits.argmax()
        else:
            cache.keep(row[None], logits[None], np.zeros(1, int))
    assert hits > 2500
    assert wrong <= 0.001 * hits


def test_nothing_is_proven_by_few_rows_or_by_rows_unlike_each_other(small: ServedModel) -> None:
    with pytest.raises(InputError, match="needs at least 2,995 rows"):
        choose_near(small, stream(500, seed=3))
    unlike = np.random.default_rng(0).normal(size=(4000, 6)).astype(np.float32)
    with pytest.raises(InputError, match="would be answered otherwise too often"):
        choose_near(small, unlike)
    with pytest.raises(InputError, match="must have shape"):
        choose_near(small, unlike[:, :3])


def test_the_oldest_rows_go(small: ServedModel, held_out: Path) -> None:
    rule = choose_near(small, np.load(held_out))
    cache = NearCache(rule, limit=1200, classes=3)
    rows = np.eye(6, dtype=np.float32) * 50
    assert cache.room == 3
    for row in rows[:4]:
        cache.keep(row[None], np.zeros((1, 3), np.float32), np.zeros(1, int))
    assert list(cache.lookup(rows[:5])) == [1, 2, 3]


@pytest.mark.parametrize("kind", ["image", "text"])
def test_embeddings_of_images_and_texts(kind: str) -> None:
    rng = np.random.default_rng(0)
    if kind == "image":
        rows = rng.integers(0, 256, (5, 3, 16, 20), dtype=np.uint8)
        found = embed_rows(rows).reshape(5, 3, 8, 8)
        assert found[2, 1, 3, 0] == pytest.approx(rows[2, 1, 6:8, 0:2].mean() / 255)
        assert embed_rows(rows[:, :, :4, :4]).shape == (5, 48)
    else:
        rows = rng.integers(0, 900, (5, 40))
        rows[:, 30:] = 0
        found = embed_rows(rows)
        for row, counts in zip(rows, found, strict=True):
            expected = np.bincount(row[row > 0] % 256, minlength=256)
            assert counts.tolist() == expected.tolist()


def test_the_server_answers_near_repeats(models: Path, held_out: Path) -> None:
    options = ServingOptions(near=held_out, cache_mb=0)
    with TestClient(serving_app(models / "small", options=options)) as client:
        row = np.load(held_out)[:1]
        logits = []
        for step in range(3):
            body = (row + step * SPREAD / 10).astype(np.float32).tobytes()
            kind = "application/octet-stream"
            head = {"content-type": kind, "accept": kind}
            logits.append(client.post("/predict", content=body, headers=head).content)
        assert logits[0] == logits[1] == logits[2]
        assert 'thresher_rows_total{source="near"} 2.0' in client.get("/metrics").text
        assert "held-out rows repeat" in client.get("/model").json()["near"]


def test_a_model_for_which_nothing_is_shown_takes_over_without_near_repeats(
    models: Path, held_out: Path, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.npy"
    shutil.copyfile(held_out, rows)
    options = ServingOptions(near=rows, admin_token="x" * 16, watch_s=0)
    with TestClient(serving_app(models / "small", options=options)) as client:
        np.save(rows, stream(100, seed=5))
        asked = {"path": str(models / "large"), "force": True}
        done = client.post("/swap", json=asked, headers={"authorization": "Bearer " + "x" * 16})
        assert done.status_code == 200, done.text
        told = client.get("/model").json()
        assert "No distance can be shown" in told["near"]
        assert told["model"] == load_served(models / "large", threads=1).digest


def test_a_file_that_holds_no_rows_is_named(models: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.npy").write_text("no")
    with pytest.raises(InputError, match=r"rows\.npy is no \.npy file"):
        serving_app(models / "small", options=ServingOptions(near=tmp_path / "rows.npy"))
