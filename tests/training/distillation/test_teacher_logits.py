import numpy as np
import pytest

from thresher.core.errors import InputError
from training import teacher_logits

IDS = np.array([f"row-{n}" for n in range(40)])
VALUES = ["x" * n for n in range(40)]


def test_answers_are_kept_and_read_again_by_row_id(tmp_path):
    asked = []

    def predict(part):
        asked.append(len(part))
        return np.array([[len(value), 1.0] for value in part])

    file = tmp_path / "teacher.npz"
    found = teacher_logits(predict, VALUES, row_ids=IDS, file=file, batch_size=15)
    assert asked == [15, 15, 10]
    np.testing.assert_allclose(found[:, 0], np.arange(40))
    again = teacher_logits(predict, ["", ""], row_ids=IDS[[7, 3]], file=file)
    assert asked == [15, 15, 10]
    np.testing.assert_allclose(again[:, 0], [7, 3])
    stored = np.load(file)
    assert stored["row_ids"].tolist() == IDS.tolist()
    other = np.array(["new", "row-1"])
    np.testing.assert_allclose(
        teacher_logits(predict, ["abc", ""], row_ids=other, file=file)[:, 0], [3, 0]
    )


def test_bad_input_is_told(tmp_path):
    with pytest.raises(InputError, match="39 and 40"):
        teacher_logits(len, VALUES[1:], row_ids=IDS)
    with pytest.raises(InputError, match="at least one"):
        teacher_logits(len, [], row_ids=IDS[:0])
    (tmp_path / "teacher.npz").write_text("no")
    with pytest.raises(InputError, match="holds no teacher's logits"):
        teacher_logits(len, VALUES, row_ids=IDS, file=tmp_path / "teacher.npz")
