import numpy as np
import pytest
import torch

from augment import MixBatch
from thresher.core.errors import InputError


def batch(n=9):
    inputs = torch.arange(n, dtype=torch.uint8)[:, None, None, None].expand(n, 3, 6, 6) * 10
    return inputs.contiguous(), torch.arange(n) % 5, np.arange(n)


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("alphas", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}])
def test_soft_labels_are_the_pixel_shares(n, alphas):
    # Image i holds the value 10·i only, so its mean tells how much of each image it holds.
    inputs, _, keys = batch(n)
    mixed, soft = MixBatch(num_classes=n, **alphas)(inputs, torch.arange(n), keys, 3)
    assert torch.allclose(soft.sum(dim=1), torch.ones(n))
    expected = soft @ (10.0 * torch.arange(n))
    assert torch.allclose(mixed.float().mean(dim=(1, 2, 3)), expected, atol=1e-3)
    assert n == 1 or (soft.max(dim=1).values < 1).any()


def test_cutmix_keeps_bytes_and_takes_the_partners_pixels():
    inputs, targets, keys = batch()
    mixed, soft = MixBatch(cutmix=1.0, num_classes=5)(inputs, targets, keys)
    assert mixed.dtype == torch.uint8
    for row in range(len(inputs)):
        values, counts = mixed[row, 0].unique(return_counts=True)
        assert len(values) <= 2
        own = int(counts[values == inputs[row, 0, 0, 0]].sum())
        assert own / 36 <= float(soft[row, targets[row]]) + 1e-6


def test_mixing_depends_on_rows_not_on_their_order():
    inputs, targets, keys = batch()
    mix = MixBatch(mixup=0.2, cutmix=1.0, num_classes=5, random_state=4)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    mixed, soft = mix(inputs, targets, keys, 2)
    again, soft_again = mix(inputs[order], targets[order], keys[order.numpy()], 2)
    assert torch.equal(again, mixed[order])
    assert torch.equal(soft_again, soft[order])
    assert not torch.equal(mix(inputs, targets, keys, 3)[0], mixed)


def test_prob_zero_and_late_epochs_mix_nothing():
    inputs, targets, keys = batch()
    for mix in (
        MixBatch(mixup=1.0, num_classes=5, prob=0.0),
        MixBatch(mixup=1.0, num_classes=5, off_from=2),
    ):
        mixed, soft = mix(inputs, targets, keys, 2)
        assert torch.equal(mixed, inputs.float())
        assert torch.equal(soft.argmax(dim=1), targets)


def test_the_share_follows_the_beta_distribution():
    n = 4000
    inputs = torch.zeros(n, 1)
    soft = MixBatch(mixup=0.3, num_classes=2)(inputs, torch.arange(n) % 2, np.arange(n))[1]
    share = soft.min(dim=1).values.numpy()
    from scipy.stats import beta

    mixed = share[share > 0]
    expected = np.minimum(*(lambda x: (x, 1 - x))(beta(0.3, 0.3).rvs(20_000, random_state=0)))
    assert abs(np.median(mixed) - np.median(expected)) < 0.02


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (None, "none labels"),
        (torch.zeros(3, dtype=torch.long), "3 labels"),
        (torch.full((9,), 5), "0 to 4"),
        (torch.full((9,), -1), "0 to 4"),
        (torch.zeros(9, 4), "Soft labels"),
    ],
)
def test_bad_labels_are_refused(targets, words):
    inputs, _, keys = batch()
    with pytest.raises(InputError, match=words):
        MixBatch(mixup=1.0, num_classes=5)(inputs, targets, keys)


def test_bad_options_are_refused():
    with pytest.raises(InputError, match="both 0"):
        MixBatch(num_classes=5)
    with pytest.raises(InputError, match="num_classes"):
        MixBatch(mixup=1, num_classes=0)
    with pytest.raises(InputError, match="CutMix needs"):
        MixBatch(cutmix=1, num_classes=5)(torch.zeros(2, 4), torch.zeros(2).long(), [1, 2])
