import numpy as np
import pytest
import torch

from thresher.core.errors import InputError
from thresher.core.fingerprint import row_keys
from training import compact_model, fit
from training.rows.samples import samples_from_arrays
from training.rows.token_dropout import TokenDropout

KEYS = row_keys(np.arange(500).astype(str))
TOKENS = torch.arange(1, 501 * 40 - 39).view(500, 40)


def test_the_share_goes_and_differs_by_epoch_row_and_seed():
    thin = TokenDropout(0.3)
    first, again, later = (thin(TOKENS, KEYS, epoch) for epoch in (0, 0, 1))
    assert torch.equal(first, again)
    assert float((first == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    kept = first != 0
    assert torch.equal(first[kept], TOKENS[kept])
    for other in (later, TokenDropout(0.3, random_state=1)(TOKENS, KEYS, 0)):
        both = ((first == 0) & (other == 0)).float().mean()
        assert float(both) == pytest.approx(0.09, abs=0.01)
    per_row = (first == 0).sum(1).float()
    assert float(per_row.var()) == pytest.approx(40 * 0.3 * 0.7, rel=0.25)


def test_a_row_does_not_depend_on_its_batch():
    whole = TokenDropout(0.5)(TOKENS, KEYS, 3)
    assert torch.equal(TokenDropout(0.5)(TOKENS[7:9], KEYS[7:9], 3), whole[7:9])


def test_no_row_becomes_empty_unless_it_was():
    words = torch.zeros((500, 40), dtype=torch.int64)
    words[1:, 0] = 5
    found = TokenDropout(0.9)(words, KEYS, 0)
    assert torch.equal(found, words)


def test_wrong_shares_are_refused():
    with pytest.raises(InputError, match="share"):
        TokenDropout(1.0)


def test_fit_takes_it():
    rows = samples_from_arrays(
        TOKENS[:64].numpy() % 50, row_ids=np.arange(64).astype(str), targets=np.arange(64) % 2
    )
    model = compact_model(
        "hashed_embedding", num_classes=2, input_shape=(40,), width=8, vocabulary=50
    )
    run = fit(model, rows, epochs=2, augment=TokenDropout(), batch_size=16)
    assert np.isfinite(run.metrics["loss"])


def test_the_old_name_of_its_random_state() -> None:
    with pytest.warns(DeprecationWarning, match="`seed` of TokenDropout is now `random_state`"):
        old = TokenDropout(0.3, seed=1)
    assert old == TokenDropout(0.3, random_state=1)
    with pytest.warns(DeprecationWarning, match=r"`TokenDropout.seed` is now `random_state`"):
        assert old.seed == 1
