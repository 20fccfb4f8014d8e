import numpy as np

from active_learning import query


def test_selection_file_round_trip(tmp_path):
    found = query(
        strategy="margin", pred_probs=np.random.default_rng(0).dirichlet(np.ones(3), size=80), n=5
    )
    found.save(tmp_path / "s.parquet")
    again = type(found).load(tmp_path / "s.parquet")
    assert again.row_ids.tolist() == found.row_ids.tolist()
    assert again.scores.tobytes() == found.scores.tobytes()
    assert (again.strategy, again.reasons) == (found.strategy, found.reasons)
