import numpy as np
import pytest
import torch

from training.pretrained.row_table import RowTable

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32])
def test_the_table_finds_every_row_and_no_other(dtype):
    inputs = torch.from_numpy(RNG.integers(0, 3, (300, 2, 4))).to(dtype)
    known, values = inputs[:200], torch.randn(200, 3)
    table = RowTable(known, values)
    found, sure = table(inputs)
    flat = inputs.flatten(1).tolist()
    for row, vector, there in zip(flat, found, sure, strict=True):
        twins = [index for index in range(200) if flat[index] == row]
        assert bool(there) == bool(twins)
        if twins:
            torch.testing.assert_close(vector, values[twins].mean(0), atol=1e-5, rtol=1e-5)


def test_both_zeros_are_one_value():
    table = RowTable(torch.tensor([[0.0, 1.0]]), torch.ones(1, 1))
    assert bool(table(torch.tensor([[-0.0, 1.0]]))[1])
