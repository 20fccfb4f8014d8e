import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from active_learning import consensus

FOLDER = os.environ.get("THRESHER_DATA")


@pytest.mark.data
@pytest.mark.skipif(not FOLDER, reason="THRESHER_DATA is not set")
@pytest.mark.parametrize(("crowd", "least"), [("dog", 0.83), ("duck", 0.88)])
def test_consensus_beats_majority_on_real_crowds(crowd, least):
    labels = pq.read_table(Path(FOLDER) / "crowd_labels.parquet").to_pandas()
    truth = pq.read_table(Path(FOLDER) / "crowd_truth.parquet").to_pandas()
    labels, truth = (table[table["dataset"] == crowd] for table in (labels, truth))
    known = dict(zip(truth["item"], truth["truth"], strict=True))
    columns = (labels[name].to_numpy(str) for name in ("item", "worker", "label"))
    found = consensus(*columns)
    said = dict(zip(found.row_ids, found.labels, strict=True))
    assert np.mean([said[item] == right for item, right in known.items()]) >= least
