"""Language and orientation: planted rows are found, the corpus's own are left alone."""

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from curation import find_quality_issues
from curation.quality.language import language_finding, language_shares
from curation.quality.orientation import orientation_finding

ENGLISH = [
    f"{who} {what} {when}"
    for who in ("I", "my sister", "the bank", "somebody")
    for what in ("lost the card", "wants to change the PIN", "did not get the money", "called")
    for when in ("today", "last week", "in the morning", "two days ago", "again")
]
FOREIGN = [
    "Wie kann ich meine Karte sperren lassen?",
    "Je voudrais changer mon code secret, s'il vous plaît",
    "¿Cuándo llega mi nueva tarjeta de crédito?",
    "Привет, как мне закрыть счёт?",
    "カードをなくしてしまいました",
]


def test_foreign_texts_are_found_among_english_ones():
    finding, notes = language_finding([*ENGLISH, *FOREIGN])
    assert finding.positions.tolist() == list(range(len(ENGLISH), len(ENGLISH) + len(FOREIGN)))
    assert "'de'" in finding.details[0]
    assert notes[0].startswith("languages: en 9")


def test_a_corpus_of_two_languages_has_no_foreign_ones():
    german = [
        f"{who} {what} {when}"
        for who in ("Ich habe", "Meine Schwester hat", "Die Bank hat")
        for what in ("die Karte verloren", "das Geld nicht bekommen", "gestern angerufen")
        for when in ("und weiß nicht weiter", "als sie im Urlaub war", "obwohl es eilig ist")
    ]
    texts = ENGLISH + german
    assert not len(language_finding(texts)[0].positions)


@pytest.mark.parametrize("texts", [[], ["", "123", "?!"], ["hello there"]])
def test_nothing_to_judge_is_no_finding(texts):
    assert not len(language_finding(texts)[0].positions)


def test_shares_equal_the_truth_of_a_mixture():
    rng = np.random.default_rng(0)
    truth = rng.choice(3, 4000, p=[0.8, 0.15, 0.05])
    confusion = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])
    seen = np.array([rng.choice(3, p=confusion[kind]) for kind in truth])
    assert language_shares(confusion.T[seen]) == pytest.approx([0.8, 0.15, 0.05], abs=0.03)


@pytest.mark.data
def test_spanish_and_portuguese_reviews_are_found_among_english_ones():
    folder = os.environ.get("THRESHER_DATA")
    if not folder:
        pytest.skip("THRESHER_DATA is not set")
    import pyarrow.parquet as pq

    table = pq.read_table(Path(folder) / "text_classification.parquet").to_pandas()
    texts = table.loc[table["dataset"] == "rt_polarity", "text"].tolist()
    finding, _ = language_finding(texts)
    named = [detail.split("'")[1] for detail in finding.details]
    assert len(named) >= 10
    assert np.mean(np.isin(named, ["es", "pt"])) > 0.8


def digit_thumbnails():
    images = np.repeat((load_digits().images * 15.9).astype(np.uint8)[..., None], 3, axis=3)
    return np.kron(images, np.ones((1, 4, 4, 1), np.uint8))


def test_turned_digits_are_found():
    images = digit_thumbnails()
    rows = np.arange(17, len(images), 40)
    quarters = 1 + np.arange(len(rows)) % 3
    for row, quarter in zip(rows, quarters, strict=True):
        images[row] = np.rot90(images[row], quarter)
    found, note = orientation_finding(images, np.ones(len(images), bool))
    right = np.isin(found.positions, rows)
    assert right.mean() > 0.8
    assert right.sum() > 0.2 * len(rows)
    assert "told from turned" in note


def test_images_without_an_up_raise_nothing():
    noise = np.random.default_rng(0).integers(0, 256, (300, 32, 32, 3), dtype=np.uint8)
    found, _ = orientation_finding(noise, np.ones(300, bool))
    assert not len(found.positions)


def test_images_beyond_the_fitted_ones_are_judged_too(monkeypatch):
    monkeypatch.setattr("curation.quality.altered.FITTED_IMAGES", 900)
    images = digit_thumbnails()
    images[1] = np.rot90(images[1], 1)  # rows 0, 2, 4, … are fitted
    alone, _ = orientation_finding(images, np.ones(len(images), bool))
    images[1] = np.rot90(images[1], -1)
    before, _ = orientation_finding(images, np.ones(len(images), bool))
    assert 1 in set(alone.positions) - set(before.positions)


def test_properties_have_one_value_a_row():
    found = find_quality_issues(["One TWO 3!", None], kind="text")
    assert found.properties["length"].tolist() == [10, 0]
    assert found.properties["capitals"].tolist() == [0.4, 0]
    images = find_quality_issues(digit_thumbnails()[:5], kind="image").properties
    assert images["brightness"][0] == pytest.approx(digit_thumbnails()[0].mean(), abs=0.5)
    assert all(values.shape == (5,) for values in images.values())
