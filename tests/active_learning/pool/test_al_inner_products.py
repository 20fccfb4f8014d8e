import numpy as np
import pytest

from active_learning.pool.inner_products import device_of, inner_products
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
