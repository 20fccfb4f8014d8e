"""Numbers with a decimal comma are numbers; thousands, amounts and words stay what they are."""

import numpy as np
import pandas as pd
import pytest

from thresher.core.loading import load_dataset

X = np.random.default_rng(0).normal(size=40).round(2) * 1000
AB = ["a", "b"] * 20


def german(value):
    return f"{value:,.2f}".replace(",", " ").replace(".", ",").replace(" ", ".")


def test_a_german_file_has_numbers_and_comes_back_as_it_came(tmp_path):
    texts = [german(value) for value in X]
    lines = [f"{t};{i};{'ab'[i % 2]}" for i, t in enumerate(texts)]
    (tmp_path / "d.csv").write_text("wert;zahl;label\n" + "\n".join(lines) + "\n")
    loaded = load_dataset(tmp_path / "d.csv", keep_unlabeled=True, test_fraction=0)
    assert loaded.schema.inputs == ("wert", "zahl")
    np.testing.assert_allclose(loaded.dataset["wert"][:], X)
    assert str(loaded.choices["decimal commas"]) == "wert (read as points)"
    assert loaded.given.table["wert"].to_pylist() == texts


@pytest.mark.parametrize(
    "values",
    [
        [f"{i + 1},{100 + i}" for i in range(40)],
        [f"1,2{i:02}.00 €" for i in range(40)],
        [f"{i},5 and more words in here" for i in range(40)],
        [f"{i}.5" for i in range(40)],
    ],
)
def test_what_may_be_something_else_stays(values):
    table = pd.DataFrame({"x": values, "z": X, "label": AB})
    loaded = load_dataset(table, keep_unlabeled=True, test_fraction=0)
    assert "decimal commas" not in loaded.choices


def test_targets_with_commas_are_numbers():
    table = pd.DataFrame({"z": X, "label": [german(value) for value in X]})
    loaded = load_dataset(table, keep_unlabeled=True, test_fraction=0)
    assert loaded.schema.task == "regression"
    np.testing.assert_allclose(loaded.dataset["label"][:], X)


def test_what_is_no_number_in_such_a_column_is_shown_as_it_is(tmp_path):
    values = [german(value) for value in X]
    values[3], values[7] = "k.A.", "1.500"
    lines = [f"{t};{i};{'ab'[i % 2]}" for i, t in enumerate(values)]
    (tmp_path / "d.csv").write_text("wert;zahl;label\n" + "\n".join(lines) + "\n")
    loaded = load_dataset(tmp_path / "d.csv", keep_unlabeled=True, test_fraction=0)
    assert "'k.A.' in 'wert'" in str(loaded.choices["no numbers"])
    assert loaded.dataset["wert"][7] == 1500
