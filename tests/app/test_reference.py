"""The plain reference of a run: what it is, what is said of it, and that `predict` takes it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier

from thresher.app import predict, run
from thresher.app.pipeline import plan
from thresher.app.reference import Reference, fit_reference
from thresher.app.result import RunResult
from thresher.app.savings import beside_reference, warnings
from thresher.app.settings import resolve
from thresher.core.choice import Choice
from thresher.core.errors import InputError
from thresher.core.interval import paired_drop

SHORT = {
    "threads": 1,
    "augment": {"policy": "none"},
    "teacher": {"epochs": 1, "width": 8},
    "student": {"epochs": 1, "width": 8},
    "quantize": {"method": "ptq"},
}
TOPICS = {
    "money": ["bank", "card", "loan", "interest", "rate", "account", "payment", "transfer"],
    "weather": ["rain", "wind", "cloud", "storm", "sunny", "frost", "snow", "degrees"],
    "food": ["bread", "soup", "rice", "apple", "butter", "onion", "pepper", "salad"],
}


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short texts whose words give their topic away, which one epoch does not learn."""
    rng = np.random.default_rng(0)
    common = ["the", "a", "of", "in", "and", "with", "it", "was", "on", "for"]
    topics = rng.choice(list(TOPICS), 400)
    said = [" ".join([*rng.choice(TOPICS[at], 3), *rng.choice(common, 4)]) for at in topics]
    path = tmp_path_factory.mktemp("data") / "messages.csv"
    rows = {
        "id": np.arange(400),
        "text": said,
        "topic": topics,
        "split": ["train"] * 300 + ["test"] * 100,
    }
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def trained(messages: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    settings = resolve(values={**SHORT, "curate": False, "data": {"label": "topic"}})
    return run(messages, out=tmp_path_factory.mktemp("run") / "r", settings=settings)


def test_a_run_that_loses_to_a_plain_reference_says_so(trained: RunResult) -> None:
    lines = {line.stage: line for line in trained.lines}
    assert lines["reference"].accuracy >= 0.95
    assert lines["int8"].accuracy <= 0.75
    said = next(text for text in trained.warnings if "reference" in text)
    assert said.startswith("A plain reference is better: TF-IDF of ")
    assert trained.beside_reference == ""
    assert "models/reference" in said
    page = (trained.folder / "report.html").read_text()
    assert said.partition("(95")[0] in page
    assert page.index(said[:40]) < page.index("What it saved")  # above the table


def test_predict_takes_the_reference_and_agrees_with_the_run(
    trained: RunResult, messages: Path
) -> None:
    rows = pd.read_csv(messages)
    found = predict(trained.folder / "models" / "reference", messages, text="text").to_pandas()
    held = rows["split"] == "test"
    right = float((found["label"].to_numpy() == rows["topic"])[held].mean())
    assert right == trained.metrics["reference"]["accuracy"]
    assert found["probability"].between(1 / 3, 1).all()


def test_predict_of_a_damaged_reference_says_what_is_missing(
    trained: RunResult, messages: Path, tmp_path: Path
) -> None:
    card = (trained.folder / "models" / "reference" / "reference.json").read_text()
    (tmp_path / "reference.json").write_text(card)
    with pytest.raises(InputError, match=r"reference\.joblib is missing"):
        predict(tmp_path, messages, text="text")
    (tmp_path / "reference.json").write_text("{}")
    with pytest.raises(InputError, match="no card of a plain reference"):
        predict(tmp_path, messages, text="text")


def fitted(values: Any, codes: np.ndarray, modality: str) -> Reference:
    half = len(codes) // 2
    return fit_reference(
        values[:half],
        codes[:half],
        validation=(values[half:], codes[half:]),
        modality=modality,
        columns=("x",),
        classes=("no", "yes", "perhaps"),
        random_state=0,
    )


def test_the_models_are_those_of_scikit_learn(messages: Path) -> None:
    rows = pd.read_csv(messages)
    texts, codes = rows["text"].tolist(), pd.factorize(rows["topic"])[0]
    found = fitted(texts, codes, "text")
    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b")
    model = SGDClassifier(loss="log_loss", alpha=1e-5, random_state=0)
    model.fit(words.fit_transform(texts[:200]), codes[:200])
    expected = model.predict_proba(words.transform(texts[200:]))
    assert found.name == "TF-IDF of words and pairs of words, logistic regression"
    np.testing.assert_array_equal(found.probabilities(texts[200:]), expected)


def test_numbers_get_gradient_boosting_or_neighbors_whichever_is_better() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(600, 4)).astype(np.float32)
    steps = (numbers[:, 0] > 0.3).astype(np.int64)  # one column decides, three distract
    found = fitted(numbers, steps, "features")
    assert found.name == "gradient boosting"
    trees = HistGradientBoostingClassifier(early_stopping=False, random_state=0)
    expected = trees.fit(numbers[:300], steps[:300]).predict_proba(numbers[300:])
    probs = found.probabilities(numbers[300:])
    np.testing.assert_array_equal(probs[:, :2], expected)
    assert (probs[:, 2] == 0).all()  # a class of which no row was seen


def test_the_lead_is_that_over_the_int8_file_on_the_same_rows(
    trained: RunResult, messages: Path
) -> None:
    folder = trained.report.parent
    rows = pd.read_csv(messages)
    test = rows[rows["split"] == "test"]
    test[["text", "topic"]].to_csv(folder / "test.csv", index=False)
    right = [
        np.array(predict(folder / "models" / name, folder / "test.csv").table["label"].to_pylist())
        == test["topic"].to_numpy()
        for name in ("reference", "onnx/int8")
    ]
    summary = trained.metrics["reference"]
    found = [summary[name] for name in ("ahead", "ahead_low", "ahead_high")]
    assert found == pytest.approx(paired_drop(*right))
    verified = json.loads((folder / "verify" / "verification.json").read_text())
    assert len(verified["int8"]["wrong"]) == 100 - right[1].sum()


def test_test_rows_of_another_kind_than_the_validation_rows_are_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(900, 3)), columns=["a", "b", "c"])
    rows["split"] = ["train"] * 600 + ["test"] * 300
    turned = np.where(rows["split"] == "train", 1, -1)  # in the test rows the sign says otherwise
    rows["label"] = np.where(rows["a"] * turned > 0, "up", "down")
    rows.to_csv(tmp_path / "rows.csv", index=False)
    values = {**SHORT, "curate": False, "student": {"epochs": 8, "width": 8}}
    done = run(tmp_path / "rows.csv", out=tmp_path / "r", settings=resolve(values=values))
    (said,) = done.warnings
    assert "the test rows are of another kind" in said
    rows["label"] = np.where(rows["a"] > 0, "up", "down")
    rows.to_csv(tmp_path / "same.csv", index=False)
    done = run(tmp_path / "same.csv", out=tmp_path / "s", settings=resolve(values=values))
    assert not any("another kind" in text for text in done.warnings)


def test_wrong_labels_that_only_the_test_rows_keep_are_no_other_kind_of_rows() -> None:
    def stages(dropped: int, action: str = "drop") -> Any:
        student = {"validation_accuracy": 0.915, "validation_rows": 94}
        student |= {"accuracy": 0.64, "low": 0.584, "high": 0.692}
        counts = [{"action": action, "reason": "label", "rows": dropped}]
        summaries: dict[str, dict[str, Any]] = {
            "load": {"splits": {"train": 1200, "test": 300}},
            "decide": {"counts": counts},
            "student": student,
        }
        return {name: SimpleNamespace(summary=summary) for name, summary in summaries.items()}

    assert warnings(stages(251)) == warnings(stages(251, "relabel")) == ()
    for few in (stages(10), stages(251, "review")):
        (said,) = warnings(few)
        assert "91.5 % of the 94 validation rows right and 64.0 % of the test rows" in said


def test_few_bits_that_cost_much_are_said_at_the_top_of_a_run() -> None:
    choice = Choice("better", "4 bits: accuracy 62.50%; 8 bits by calibration alone: 90.00%")
    stages: Any = {"quantize": SimpleNamespace(choices={"eight_bits": choice})}
    (said,) = warnings(stages)
    assert choice.reason in said
    assert "`quantize.weight_bits=8`" in said
    stages["quantize"].choices.clear()
    assert warnings(stages) == ()


def test_without_a_difference_from_the_reference_no_minus_0_is_written() -> None:
    found = {"ahead": 0.0, "ahead_low": -0.023, "ahead_high": 0.023, "model": "gradient boosting"}
    stages: Any = {"reference": SimpleNamespace(summary=found)}
    said = beside_reference(stages)
    assert said.endswith("test rows: +0.0 points (-2.3 to 2.3; gradient boosting).")


def test_the_reference_can_be_left_out() -> None:
    assert "reference" in plan(resolve(values={}))
    assert "reference" not in plan(resolve(values={"reference": False}))


def test_images_are_compared_by_the_vectors_of_their_encoder(tmp_path: Path) -> None:
    settings = resolve(values={**SHORT, "data": {"limit": 200}})
    done = run("digits", out=tmp_path / "r", settings=settings)
    line = {line.stage: line for line in done.lines}["reference"]
    assert line.note.endswith("the encoder's vectors; each row passes through the encoder first")
    assert line.megabytes is None
    folder = done.folder / "models" / "reference"
    assert (folder / "encoder").is_dir()
    reference = Reference.load(folder)
    rows = pd.DataFrame({"row_id": predict(folder, "digits").table["row_id"].to_pylist()})
    assert len(rows) == 1797
    assert reference.modality == "image"
    # Without cleaning the images are embedded for the reference alone.
    plain = run(
        "digits", out=tmp_path / "p", settings=settings.model_copy(update={"curate": False})
    )
    assert "embed" not in [stage["name"] for stage in plain.stages]
    alone = {line.stage: line for line in plain.lines}["reference"]
    assert abs(alone.accuracy - line.accuracy) < 0.05
    assert (plain.folder / "models" / "reference" / "encoder").is_dir()


def test_a_plain_model_that_fails_is_left_out() -> None:
    rng = np.random.default_rng(0)
    values, codes = rng.normal(size=(4, 3)), np.array([0, 1, 0, 1])
    # Five neighbors among four rows cannot be found.
    given = {"modality": "features", "columns": ("a", "b", "c"), "classes": ("n", "y")}
    found = fit_reference(values, codes, validation=(values, codes), random_state=0, **given)
    assert found.name == "gradient boosting"
    with pytest.raises(ValueError, match=r"\w"):
        fit_reference(values[:, :0], codes, validation=(values, codes), random_state=0, **given)
