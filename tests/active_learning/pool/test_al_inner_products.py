import numpy as np
import pytest

from active_learning.pool.context import make_context
from active_learning.pool.inner_products import closeness, device_of, inner_products
from thresher.core.embeddings import Embeddings
from thresher.core.grid import exact_rows


def test_torch_on_the_cpu_shares_its_memory_with_numpy():
    torch = pytest.importorskip("torch")
    assert device_of(torch.zeros(2)) is None
    assert device_of(torch.zeros(2, device="meta")) == "meta"
    assert device_of(np.zeros(2)) is None


def test_inner_products_of_read_only_rows_and_of_one_row():
    pytest.importorskip("torch")
    x = Embeddings.from_vectors(np.random.default_rng(0).normal(size=(7, 4)))
    matrix = exact_rows(x.vectors)
    matrix.flags.writeable = False
    for device in (None, "cpu"):
        products = inner_products(matrix, device=device)
        # On their grid products are exact, whatever the processor.
        expected = matrix[:3].astype(np.float64) @ matrix.T.astype(np.float64)
        np.testing.assert_array_equal(products(matrix[:3]), expected)
        assert products(matrix[0]).shape == (7,)


@pytest.mark.parametrize("device", [None, "cpu"])
def test_closeness_is_exact_and_zero_for_equal_rows(device):
    if device is not None:
        pytest.importorskip("torch")
    x = exact_rows(Embeddings.from_vectors(np.random.default_rng(0).normal(size=(90, 33))).vectors)
    wide = x.astype(np.float64)
    expected = -0.5 * np.square(wide[:40, None] - wide[None]).sum(axis=2)
    room = np.empty((40, 90), np.float32)
    close = closeness(x, device=device)
    found = close(x[:40], room)
    assert found is room
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(close(x[:40]), expected)
    assert (np.diagonal(found) == 0).all()


def test_some_rows_on_the_grid_are_those_of_the_whole():
    context = make_context(np.random.default_rng(0).normal(size=(50, 7)))
    places = np.array([3, 9, 3])
    before = context.vectors_at(places)
    np.testing.assert_array_equal(before, exact_rows(context.embeddings)[places])
    assert context.vectors is context.with_pending(places).vectors
    np.testing.assert_array_equal(context.vectors_at(places), before)
    np.testing.assert_array_equal(context.take(places).vectors, before)
