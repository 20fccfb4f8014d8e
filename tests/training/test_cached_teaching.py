import numpy as np
import pytest
import torch

from thresher.core.errors import InputError
from training import cached_teacher, compact_model, distill
from training.cached_teaching import CachedTeacher
from training.evaluation import predict_logits
from training.row_table import RowTable
from training.samples import samples_from_arrays

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(40, 5)).astype(np.float32)
ROWS = samples_from_arrays(
    FEATURES, row_ids=np.arange(40).astype(str), targets=(FEATURES[:, 0] > 0).astype(int)
)


def words(values):
    return np.array([[len(value), 1.0] for value in values])


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


def test_answers_are_kept_and_read_again(tmp_path):
    values = [f"{'x' * n}" for n in range(40)]
    asked = []

    def predict(part):
        asked.append(len(part))
        return words(part)

    file = tmp_path / "teacher.npz"
    taught = cached_teacher(predict, values, ROWS, file=file, batch_size=15)
    assert asked == [15, 15, 10]
    np.testing.assert_allclose(predict_logits(taught, ROWS), words(values))
    some = np.array([7, 3])
    again = cached_teacher(predict, ["", ""], ROWS.take(some), file=file)
    assert asked == [15, 15, 10]
    np.testing.assert_allclose(predict_logits(again, ROWS.take(some))[:, 0], [7, 3])
    stored = np.load(file)
    assert stored["row_ids"].tolist() == ROWS.row_ids.tolist()


def test_a_student_learns_from_it_and_augmented_rows_are_refused():
    taught = CachedTeacher(np.stack([-FEATURES[:, 0], FEATURES[:, 0]], axis=1) * 9, ROWS)
    student = compact_model("mlp", num_classes=2, input_shape=(5,), width=16, dropout=0.0)
    distill(student, taught, ROWS.without_targets(), epochs=40, batch_size=10, lr=0.1)
    agrees = predict_logits(student, ROWS).argmax(1) == (FEATURES[:, 0] > 0)
    assert agrees.mean() > 0.9
    with pytest.raises(InputError, match="unknown to the cached teacher"):
        distill(student, taught, ROWS, epochs=1, augment=lambda inputs, *_: inputs + 1)
    other = compact_model("mlp", num_classes=3, input_shape=(5,))
    with pytest.raises(InputError, match="teacher has 2 classes and the student 3"):
        distill(other, taught, ROWS, epochs=1)


def test_bad_answers_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"logits of shape \(40, classes\)"):
        CachedTeacher(np.zeros((39, 2)), ROWS)
    wrong = np.zeros((40, 2))
    wrong[3] = np.nan
    with pytest.raises(InputError, match=r"1 row\(s\) are not finite. First: 3"):
        CachedTeacher(wrong, ROWS)
    with pytest.raises(InputError, match="39 values and 40 samples"):
        cached_teacher(words, [""] * 39, ROWS)
    (tmp_path / "teacher.npz").write_text("no")
    with pytest.raises(InputError, match="holds no teacher's logits"):
        cached_teacher(words, [""] * 40, ROWS, file=tmp_path / "teacher.npz")
