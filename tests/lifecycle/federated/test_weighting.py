"""Clients count by their rows, whatever work they did; who does not come stops nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lifecycle import ClientUpdate, combine_updates, reach, train_head
from thresher.core.errors import InputError, ThresherError


def update(client: str, change: list[float], **how: float) -> ClientUpdate:
    given = {"rows": 10, "steps": 1, **how}
    return ClientUpdate(client, np.array(change), **given)  # type: ignore[arg-type]


def test_reach_equals_the_closed_forms_of_fednova() -> None:
    for steps in (1, 2, 7, 50):
        assert reach(steps) == steps
        rho, pull = 0.9, 0.05
        momentum = (steps - rho * (1 - rho**steps) / (1 - rho)) / (1 - rho)
        assert reach(steps, momentum=rho) == pytest.approx(momentum)
        assert reach(steps, proximal=pull) == pytest.approx((1 - (1 - pull) ** steps) / pull)


def test_equal_steps_are_the_mean_by_rows() -> None:
    updates = [update("a", [1, 0], rows=30, steps=4), update("b", [0, 2], rows=10, steps=4)]
    found = combine_updates(updates, quorum=2)
    np.testing.assert_allclose(found.change, [0.75, 0.5])
    assert found.used == ["a", "b"]


def descend(optimum: float, steps: int, start: float, pull: float) -> float:
    place = start
    for _ in range(steps):
        place -= 0.01 * (place - optimum) + pull * (place - start)
    return place


@pytest.mark.parametrize("pull", [0.0, 0.1])
def test_unlike_clients_end_near_the_common_optimum(pull: float) -> None:
    """Two quadratic losses: their common optimum is 0; the plain mean goes to who works most."""
    weights = {"normalized": 5.0, "plain": 5.0}
    work = {"a": (1.0, 40), "b": (-1.0, 2)}
    for _ in range(400):
        for kind, place in weights.items():
            changes = [
                update(name, [descend(best, steps, place, pull) - place], steps=steps)
                for name, (best, steps) in work.items()
            ]
            combined = combine_updates(changes, quorum=2, proximal=pull).change[0]
            mean = float(np.mean([each.change[0] for each in changes]))
            weights[kind] += combined if kind == "normalized" else mean
    assert abs(weights["normalized"]) < 0.15
    assert weights["plain"] > 0.5


def test_late_and_broken_clients_are_left_out_with_the_reason() -> None:
    updates = [
        update("a", [1.0], seconds=1, size_bytes=10),
        update("late", [9.0], seconds=31, size_bytes=10),
        update("nan", [np.nan], size_bytes=10),
        update("idle", [9.0], rows=0),
        update("b", [3.0], size_bytes=10),
    ]
    found = combine_updates(updates, quorum=2, deadline=30)
    assert found.change.tolist() == [2.0]
    assert found.used == ["a", "b"]
    assert found.size_bytes == 40
    assert found.left_out["late"] == "came after 31 s, the deadline was 30 s"
    assert "not finite" in found.left_out["nan"]
    assert "0 rows" in found.left_out["idle"]
    with pytest.raises(ThresherError, match=r"2 usable updates came, the quorum is 3.*late: came"):
        combine_updates(updates, quorum=3, deadline=30)
    with pytest.raises(ThresherError, match="0 usable"):
        combine_updates([], quorum=1)


def test_updates_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(InputError, match="'a' sent more than one"):
        combine_updates([update("a", [1.0])] * 2, quorum=1)
    with pytest.raises(InputError, match=r"sizes \[1, 2\]"):
        combine_updates([update("a", [1.0]), update("b", [1.0, 2.0])], quorum=1)


def test_one_step_of_a_head_is_the_gradient_of_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    rows, targets = rng.normal(size=(20, 5)).astype(np.float32), rng.integers(0, 3, 20)
    head = rng.normal(size=(6, 3)).astype(np.float32)
    tensor = torch.tensor(head, requires_grad=True)
    logits = torch.tensor(rows) @ tensor[:-1] + tensor[-1]
    torch.nn.functional.cross_entropy(logits, torch.tensor(targets)).backward()
    found = train_head(
        head, rows, targets, steps=1, learning_rate=0.5, proximal=9, batch_size=20, random_state=0
    )
    np.testing.assert_allclose(found, head - 0.5 * tensor.grad.numpy(), atol=1e-6)


def test_the_proximal_term_holds_a_head_where_it_began() -> None:
    rng = np.random.default_rng(0)
    rows, targets = rng.normal(size=(200, 5)), rng.integers(0, 3, 200)
    head = np.zeros((6, 3))
    how = {"steps": 200, "learning_rate": 0.1, "random_state": 0}
    moved = [
        np.abs(train_head(head, rows, targets, proximal=pull, **how)).sum()  # type: ignore[arg-type]
        for pull in (0.0, 0.5, 5.0)
    ]
    assert moved[0] > 1.2 * moved[1] > 3 * moved[2]


def test_bad_rows_of_a_head_are_refused() -> None:
    head = np.zeros((6, 3))
    with pytest.raises(InputError, match=r"needs embeddings \(n, 5\)"):
        train_head(head, np.zeros((2, 4)), [0, 1], steps=1)
    with pytest.raises(InputError, match=r"targets in \[0, 3\)"):
        train_head(head, np.zeros((2, 5)), [0, 3], steps=1)
    with pytest.raises(InputError, match="at least one row"):
        train_head(head, np.zeros((0, 5)), [], steps=1)


def test_the_code_of_the_page_comes_near_pooled_training() -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "federated.md"
    block = page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    exec(compile(block, "docs/federated.md", "exec"), names)
    rows, labels = names["rows"], names["labels"]
    pooled = train_head(np.zeros((4, 3)), rows, labels, steps=2000, random_state=0)
    reference = ((rows @ pooled[:-1] + pooled[-1]).argmax(1) == labels).mean()
    assert names["accuracy"] >= reference - 0.02
