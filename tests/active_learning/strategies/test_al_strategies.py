from dataclasses import replace

import numpy as np
import pytest

from active_learning import STRATEGIES, get_strategy, query
from active_learning.pool.context import make_context
from active_learning.querying import query_context
from active_learning.strategies import (
    Auto,
    Balance,
    LeastConfidence,
    Margin,
    MaxHerding,
    Mix,
    Prefilter,
    Random,
    UHerding,
    Until,
)
from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError
from thresher.core.grid import exact_rows

ALL = [
    *STRATEGIES.values(),
    Prefilter(Margin(), 30, UHerding()),
    Mix(UHerding(), Random(), share=0.3),
    Until(12, MaxHerding(), Margin()),
    Balance(Margin()),
]
# Their law depends on positions only through the generator, or not at all.
EQUIVARIANT = [
    "auto",
    "least_confidence",
    "margin",
    "entropy",
    "uncertainty",
    "bald",
    "qbc",
    "k_center",
    "max_herding",
    "u_herding",
    "cal",
    "density_weighted",
]


def pool(n=80, d=6, c=3, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "embeddings": rng.normal(size=(n, d)),
        "pred_probs": rng.dirichlet(np.ones(c), size=n),
        "ensemble_probs": rng.dirichlet(np.ones(c), size=(4, n)),
        "dropout_probs": rng.dirichlet(np.ones(c), size=(3, n)),
        "class_counts": np.arange(c),
    }


def names(strategies):
    return [strategy.name for strategy in strategies]


@pytest.mark.parametrize("strategy", ALL, ids=names(ALL))
class TestContract:
    def test_picks_are_distinct_and_allowed(self, strategy):
        labeled, exclude = np.arange(10), np.arange(10, 20)
        candidates = np.arange(80) % 2 == 0
        found = query(
            strategy=strategy,
            **pool(),
            n=15,
            labeled=labeled,
            exclude=exclude,
            candidates=candidates,
        )
        assert len(set(found.positions.tolist())) == 15
        assert found.positions.min() >= 20
        assert (found.positions % 2 == 0).all()
        assert len(found.reasons) == len(found.scores) == len(found.propensities) == 15
        assert np.isfinite(found.scores).all()

    def test_same_seed_same_bits(self, strategy):
        first, second = (query(strategy=strategy, **pool(), n=9, random_state=4) for _ in range(2))
        assert first.positions.tolist() == second.positions.tolist()
        assert first.scores.tobytes() == second.scores.tobytes()

    def test_whole_pool_and_one_row(self, strategy):
        assert sorted(query(strategy=strategy, **pool(n=7), n=7).positions.tolist()) == list(
            range(7)
        )
        assert query(strategy=strategy, **pool(n=1), n=1).positions.tolist() == [0]

    def test_identical_rows(self, strategy):
        same = pool(n=12)
        for name in ("embeddings", "pred_probs"):
            same[name] = np.repeat(same[name][:1], 12, axis=0)
        for name in ("ensemble_probs", "dropout_probs"):
            same[name] = np.repeat(same[name][:, :1], 12, axis=1)
        found = query(strategy=strategy, **same, n=5, labeled=np.array([0]))
        assert len(set(found.positions.tolist())) == 5

    def test_zero_vectors(self, strategy):
        arrays = pool(n=20)
        arrays["embeddings"][:10] = 0
        assert len(set(query(strategy=strategy, **arrays, n=12).positions.tolist())) == 12

    def test_row_ids_travel(self, strategy):
        arrays = pool()
        ids = np.array([f"row {k}" for k in range(80)])
        arrays["embeddings"] = Embeddings.from_vectors(arrays["embeddings"], row_ids=ids)
        found = query(strategy=strategy, **arrays, n=5)
        assert found.row_ids.tolist() == ids[found.positions].tolist()

    def test_dear_and_unimportant_rows_are_avoided(self, strategy):
        first = np.arange(80) < 40
        for given in (
            {"costs": np.where(first, 1e6, 1.0)},
            {"weights": np.where(first, 1e-6, 1.0)},
        ):
            shares = [
                (query(strategy=strategy, **pool(seed=seed), n=5, **given).positions >= 40).mean()
                for seed in range(3)
            ]
            # A ball around an unimportant row may cover important ones.
            assert np.mean(shares) > (0.5 if strategy.name == "prob_cover" else 0.85)

    def test_torch_tensors_are_taken(self, strategy):
        torch = pytest.importorskip("torch")
        labeled, costs = np.arange(80) < 9, np.linspace(1, 2, 80)
        arrays = pool()
        tensors = {name: torch.from_numpy(np.asarray(array)) for name, array in arrays.items()}
        first = query(strategy=strategy, **arrays, n=9, labeled=labeled, costs=costs)
        second = query(
            strategy=strategy,
            **tensors,
            n=9,
            labeled=torch.from_numpy(labeled),
            costs=torch.tensor(costs),
        )
        assert first.positions.tolist() == second.positions.tolist()
        assert first.scores.tobytes() == second.scores.tobytes()

    def test_torch_device_picks_the_same(self, strategy):
        pytest.importorskip("torch")
        plain = make_context(**pool(n=300), labeled=np.arange(20), random_state=3)
        there = make_context(**pool(n=300), labeled=np.arange(20), random_state=3)
        first = query_context(strategy, plain, n=25)
        second = query_context(strategy, replace(there, device="cpu"), n=25)
        assert first.positions.tolist() == second.positions.tolist()
        np.testing.assert_allclose(first.scores, second.scores, rtol=1e-4, atol=1e-5)


def test_cuda_tensors_pick_the_same():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    arrays = pool(n=300)
    tensors = {key: torch.from_numpy(np.asarray(array)).cuda() for key, array in arrays.items()}
    for name in EQUIVARIANT:
        first = query(strategy=name, **arrays, n=25, labeled=np.arange(20))
        second = query(strategy=name, **tensors, n=25, labeled=np.arange(20))
        assert first.positions.tolist() == second.positions.tolist(), name


@pytest.mark.parametrize("name", EQUIVARIANT)
def test_row_order_does_not_matter(name):
    arrays = pool()
    ids = np.array([f"row {k}" for k in range(80)])
    order = np.random.default_rng(1).permutation(80)
    moved = {
        key: value[:, order] if value.ndim == 3 else value[order]
        for key, value in arrays.items()
        if key != "class_counts"
    }
    labeled = np.zeros(80, dtype=bool)
    labeled[:8] = True
    first = query(strategy=name, **arrays, row_ids=ids, labeled=labeled, n=10)
    second = query(strategy=name, **moved, row_ids=ids[order], labeled=labeled[order], n=10)
    assert first.row_ids.tolist() == second.row_ids.tolist()


def test_balance_by_name():
    assert get_strategy("balance(u_herding)") == Balance(UHerding())
    assert get_strategy("balance(balance(margin))").name == "balance(balance(margin))"
    with pytest.raises(InputError, match="margin"):
        get_strategy("balance(margni)")


def test_too_few_rows_says_how_many():
    with pytest.raises(InputError, match="5 rows available, 10 asked"):
        query(strategy="random", row_ids=np.arange(8).astype(str), labeled=np.arange(3), n=10)


def as_seen(embeddings):
    """Strategies round rows to a grid, so that every processor picks the same."""
    return exact_rows(embeddings.vectors).astype(float)


def naive_k_center(points, chosen, n):
    distance = np.array([min(np.linalg.norm(p - points[c]) for c in chosen) for p in points])
    picks = []
    for _ in range(n):
        picks.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[picks[-1]], axis=1))
    return picks


def test_k_center_is_the_naive_order():
    x = Embeddings.from_vectors(np.random.default_rng(2).normal(size=(400, 8)))
    found = query(strategy="k_center", embeddings=x, labeled=np.array([3, 5]), n=150)
    assert found.positions.tolist() == naive_k_center(as_seen(x), [3, 5], 150)


def naive_herding(x, chosen, n, radius, mass):
    kernel = np.exp(-((x[:, None] - x[None]) ** 2).sum(-1) / radius**2)
    best = kernel[chosen].max(axis=0) if len(chosen) else np.zeros(len(x))
    picks = []
    for _ in range(n):
        gain = (np.maximum(kernel - best, 0) * mass).sum(axis=1)
        gain[[*chosen, *picks]] = -1
        picks.append(int(gain.argmax()))
        best = np.maximum(best, kernel[picks[-1]])
    return picks


@pytest.mark.parametrize("chosen", [[], [4, 9, 30]])
def test_herding_is_the_naive_greedy(chosen):
    x = Embeddings.from_vectors(np.random.default_rng(3).normal(size=(300, 5)))
    probs = np.random.default_rng(4).dirichlet(np.ones(4), size=300)
    top = np.sort(probs, axis=1)
    mass = 1 - (top[:, -1] - top[:, -2])
    labeled = np.array(chosen, dtype=int)
    arrays = {"embeddings": x, "pred_probs": probs, "labeled": labeled, "n": 40}
    vectors = as_seen(x)
    found = query(strategy=MaxHerding(radius=0.7), **arrays)
    assert found.positions.tolist() == naive_herding(vectors, chosen, 40, 0.7, np.ones(300))
    found = query(strategy=UHerding(radius=0.5), **arrays)
    assert found.positions.tolist() == naive_herding(vectors, chosen, 40, 0.5, mass)


def test_sampled_herding_covers_nearly_as_well():
    x = Embeddings.from_vectors(np.random.default_rng(5).normal(size=(3000, 6)))
    similarity = x.vectors @ x.vectors.T

    def coverage(strategy):
        found = query(strategy=strategy, embeddings=x, n=20)
        return np.exp(2 * similarity[found.positions] - 2).max(axis=0).mean()

    exact, sampled = coverage(MaxHerding(max_points=None)), coverage(MaxHerding(max_points=500))
    assert sampled > 0.97 * exact
    assert coverage("random") < 0.97 * sampled


def test_badge_has_the_law_of_k_means_plus_plus():
    rng = np.random.default_rng(6)
    n = 6
    x = Embeddings.from_vectors(rng.normal(size=(n, 3))).vectors
    probs = rng.dirichlet(np.ones(3), size=n)
    hot = np.eye(3)[probs.argmax(axis=1)]
    gradient = np.einsum("nc,nd->ncd", probs - hot, x.astype(float)).reshape(n, -1)
    distance = ((gradient[:, None] - gradient[None]) ** 2).sum(-1)
    first = (gradient**2).sum(axis=1)
    expected = np.zeros((n, n))
    for i in range(n):
        now = np.minimum(first, distance[i])
        now[i] = 0
        expected[i] = first[i] / first.sum() * now / now.sum()
    draws = 3000
    seen = np.zeros((n, n))
    generator = np.random.default_rng(7)
    for _ in range(draws):
        found = query(strategy="badge", embeddings=x, pred_probs=probs, n=2, random_state=generator)
        seen[tuple(found.positions)] += 1
    mask = expected > 0
    chi_square = ((seen - draws * expected)[mask] ** 2 / (draws * expected[mask])).sum()
    assert seen[~mask].sum() == 0
    assert chi_square < 66  # 29 degrees of freedom, far above the 99.99 % quantile of 63


def test_uncertainty_scores_by_hand():
    probs = np.array([[0.5, 0.3, 0.2], [0.4, 0.35, 0.25], [0.9, 0.05, 0.05]])
    assert query(strategy="margin", pred_probs=probs, n=3).positions.tolist() == [1, 0, 2]
    np.testing.assert_allclose(
        query(strategy="margin", pred_probs=probs, n=3).scores, [0.95, 0.8, 0.15], atol=1e-6
    )
    np.testing.assert_allclose(
        query(strategy=LeastConfidence(), pred_probs=probs, n=1).scores, [0.6], atol=1e-6
    )
    entropy = -(probs * np.log(probs)).sum(axis=1)
    np.testing.assert_allclose(
        query(strategy="entropy", pred_probs=probs, n=3).scores, np.sort(entropy)[::-1], atol=1e-6
    )


def test_bald_finds_disagreement_not_doubt():
    doubt = [[0.5, 0.5], [0.5, 0.5]]
    dispute = [[1.0, 0.0], [0.0, 1.0]]
    ensemble = np.array([doubt, dispute]).transpose(1, 0, 2)
    found = query(strategy="bald", ensemble_probs=ensemble, n=2)
    assert found.positions.tolist() == [1, 0]
    np.testing.assert_allclose(found.scores, [np.log(2), 0], atol=1e-6)


def test_random_propensities_are_those_of_the_draw():
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    found = query(strategy="random", row_ids=np.arange(4).astype(str), weights=weights, n=4)
    left = 10.0
    for position, chance in zip(found.positions, found.propensities, strict=True):
        assert chance == pytest.approx(weights[position] / left, abs=1e-9)
        left -= weights[position]


def test_mix_share_and_propensity():
    arrays = pool(n=400)
    found = query(strategy=Mix(Margin(), Random(), share=0.25), **arrays, n=300)
    from_random = np.array(found.reasons) == "random"
    assert 0.15 < from_random.mean() < 0.35
    np.testing.assert_allclose(found.propensities[~from_random], 0.75)


def test_until_switches_inside_a_batch():
    arrays = pool()
    found = query(strategy=Until(6, MaxHerding(), Margin()), **arrays, n=10)
    assert found.reasons == ("coverage",) * 6 + ("uncertainty",) * 4


def test_balance_prefers_classes_with_few_labels():
    probs = np.array([[0.55, 0.45, 0.0]] * 5 + [[0.0, 0.45, 0.55]] * 5)
    arrays = {"pred_probs": probs, "class_counts": np.array([100, 10, 1])}
    assert query(strategy=Balance(Margin()), **arrays, n=5).positions.min() >= 5


def test_auto_does_with_what_there_is():
    probs = np.array([[0.9, 0.1], [0.5, 0.5]])
    assert query(strategy="auto", pred_probs=probs, n=1).positions.tolist() == [1]
    assert len(query(strategy=Auto(), row_ids=np.array(["a", "b"]), n=2)) == 2


def test_pending_rows_count_as_covered():
    x = np.array([[1.0, 0.0], [0.99, 0.01], [0.0, 1.0]])
    free = query(strategy="max_herding", embeddings=x, n=1).positions[0]
    after = query(strategy="max_herding", embeddings=x, n=1, exclude=np.array([free])).positions[0]
    assert {free, after} & {2}
    assert {free, after} & {0, 1}
