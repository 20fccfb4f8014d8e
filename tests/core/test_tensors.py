"""Tensors of torch become arrays, whatever their numbers."""

import numpy as np
import pytest

from curation import Curator, find_outliers
from thresher.core.errors import InputError
from thresher.core.missing import read_values
from thresher.core.tensors import tensor_array

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("kind", ["bfloat16", "float16", "float32", "float64", "int8", "bool"])
def test_numbers_are_those_of_the_tensor(kind):
    values = torch.tensor([[0.0, 1.0], [2.0, 0.5]]).to(getattr(torch, kind)).requires_grad_(False)
    array = tensor_array(values, name="values")
    assert array.tolist() == values.tolist()
    assert read_values(values, name="values")[0].tolist() == values.tolist()


def test_vectors_of_half_the_bits_are_read():
    vectors = torch.randn(60, 4, generator=torch.Generator().manual_seed(0)).bfloat16()
    found = find_outliers(vectors)
    np.testing.assert_array_equal(found.scores, find_outliers(vectors.float().numpy()).scores)


def test_sparse_tensors_are_refused():
    with pytest.raises(InputError, match=r"`embeddings` is a tensor .* tensor\.to_dense\(\)"):
        find_outliers(torch.eye(4).to_sparse())


def test_items_of_half_the_bits_are_read():
    rows = [(torch.full((3,), float(at)).bfloat16(), at % 2) for at in range(20)]

    class Items(torch.utils.data.Dataset):
        def __len__(self):
            return len(rows)

        def __getitem__(self, at):
            return rows[at]

    assert Curator(["exact_duplicate"]).fit(Items()).manifest_.counts()["keep"] == 20
