"""Which columns are taken for what in tables that nobody here has made, and how that is said."""

import json

import numpy as np
import pandas as pd
import pytest

from thresher.core.errors import InputError
from thresher.core.loading import load_dataset

N = 60
WORDS = ["amber", "basil", "cedar", "delta", "ember", "fjord", "grove", "haven", "inlet", "jolly"]
RNG = np.random.default_rng(0)
AB, ABC, ODD = ["a", "b"] * 30, ["a", "b", "c"] * 20, [i % 5 + 1 for i in range(N)]
NUMBERS = RNG.normal(size=N)


def prose(words):
    return [" ".join(RNG.choice(WORDS, words)) for _ in range(N)]


def people():
    titles = ["Mr.", "Mrs. (Jane)"]
    names = RNG.choice(WORDS, (N, 3))
    return [f"{a.title()}, {titles[i % 2]} {b} {c}" for i, (a, b, c) in enumerate(names)]


def read(table, **options):
    return load_dataset(pd.DataFrame(table), keep_unlabeled=True, test_fraction=0, **options)


TEXTS = prose(12)
# Columns; then what is looked at, the label, and the key.
TABLES = {
    "label last": ({"tweet": TEXTS, "Class": AB}, "tweet", "Class", None),
    "label first": ({"genre": AB, "plot": TEXTS}, "plot", "genre", None),
    "class name": ({"content": TEXTS, "Class Name": ABC}, "content", "Class Name", None),
    "sentiment of": ({"text": TEXTS, "airline_sentiment": AB}, "text", "airline_sentiment", None),
    "digits": (
        {"text": [f"{i} 7 {i * i} 45" for i in range(N)], "label": AB},
        "text",
        "label",
        None,
    ),
    "brackets": ({"text": [f"[INST] {t} [/INST]" for t in TEXTS], "y": AB}, "text", "y", None),
    "stars": ({"review": TEXTS, "Unnamed: 0": range(N), "stars": ODD}, "review", "stars", None),
    "title": ({"title": prose(3), "body": TEXTS, "y": AB}, "title + body", "y", None),
    "short title": (
        {"product_name": prose(2), "description": TEXTS, "price": NUMBERS},
        "product_name + description",
        None,
        None,
    ),
    "instructions": (
        {
            "instruction": prose(8),
            "input": ["" if i % 3 else text for i, text in enumerate(prose(2))],
            "output": ["yes" if i % 2 else text for i, text in enumerate(prose(14))],
        },
        "instruction + input + output",
        None,
        None,
    ),
    "questions": (
        {"question": prose(8), "passage": TEXTS, "answer": [True, False] * 30},
        "question + passage",
        "answer",
        None,
    ),
    "pairs": (
        {"premise": TEXTS, "hypothesis": prose(5), "gold_label": ABC},
        "premise + hypothesis",
        "gold_label",
        None,
    ),
    "translations": ({"source": TEXTS, "target": prose(11)}, "source + target", None, None),
    "author": (
        {"author": people(), "review_body": TEXTS, "genre": AB},
        "review_body",
        "genre",
        None,
    ),
    "two labels": ({"headline": TEXTS, "section": AB, "tone": ABC}, "headline", None, None),
    "key": ({"tweetID": range(7, N + 7), "text": TEXTS, "topic": AB}, "text", "topic", "tweetID"),
    "dates and prices": (
        {
            "comment": TEXTS,
            "created": pd.date_range("2024-01-01", periods=N).astype(str),
            "paid": [f"1,2{i:02}.00 €" for i in range(N)],
            "meta": [json.dumps({"a": i}) for i in range(N)],
            "topic": AB,
        },
        "comment",
        "topic",
        None,
    ),
    "without spaces": (
        {"文": [f"这是第{i}个句子关于天气和音乐" for i in range(N)], "类": AB},
        "文",
        "类",
        None,
    ),
    "names alone": ({"name": people(), "nationality": AB}, "name", "nationality", None),
    "people": (
        {"PassengerId": range(N), "Survived": [0, 1] * 30, "Age": NUMBERS, "Name": people()},
        "Age",
        "Survived",
        "PassengerId",
    ),
    "films": (
        {"title": prose(3), "votes": range(9, N + 9), "runtime": NUMBERS},
        "votes, runtime",
        None,
        None,
    ),
    "films with plots": (
        {"title": prose(2), "year": range(1950, 1950 + N), "overview": prose(30), "genre": ABC},
        "title + overview",
        "genre",
        None,
    ),
    "flowers": ({"a": NUMBERS, "b": NUMBERS**2, "species": ABC}, "a, b", "species", None),
    "coordinates": (
        {"x": NUMBERS, "y": NUMBERS**2, "z": NUMBERS**3, "kind": ABC},
        "x, y, z",
        "kind",
        None,
    ),
    "boxes": (
        {"x": NUMBERS, "y": NUMBERS**2, "w": NUMBERS, "h": NUMBERS, "what": AB},
        "x, y, w, h",
        "what",
        None,
    ),
    "points in pictures": (
        {"x": NUMBERS, "y": NUMBERS**2, "width": NUMBERS, "height": NUMBERS, "what": AB},
        "x, y, width, height",
        "what",
        None,
    ),
    "weights of rows": ({"x": NUMBERS, "w": NUMBERS, "y": NUMBERS**2}, "x, w", "y", None),
    "x and y": ({"x": NUMBERS, "y": NUMBERS**2}, "x", "y", None),
    "numbers alone": ({"a": NUMBERS, "b": NUMBERS**2}, "a, b", None, None),
    "houses": (
        {"street": prose(3), "city": AB, "beds": ODD, "price": NUMBERS},
        "beds, price",
        None,
        None,
    ),
    "one column": ({"x": TEXTS}, "x", None, None),
    "three rows": ({"text": TEXTS[:3], "label": ["a", "b", "c"]}, "text", "label", None),
    "image address beside": (
        {"title": TEXTS, "image": [f"https://x.org/{i}.jpg?w=1" for i in range(N)], "label": AB},
        "title",
        "label",
        None,
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_others_get_the_right_roles(name):
    table, inputs, label, key = TABLES[name]
    loaded = read(table)
    assert ", ".join(loaded.schema.inputs) == inputs
    assert loaded.schema.label == label
    assert len(loaded.dataset) == len(next(iter(table.values())))
    assert loaded.roles["key"] == (key or "none, rows are counted")
    if key is not None:
        assert list(loaded.dataset["row_id"]) == [str(value) for value in table[key]]


def test_roles_are_said_in_one_line_and_missing_labels_loudly():
    columns = {"v1": AB, "title": prose(4), "text": TEXTS, "v2": ABC, "id": range(N)}
    first, second = read(columns).role_lines
    assert first == (
        "text: title + text; label: none (could be v1, v2; give --label); key: id; beside: v1, v2"
    )
    assert second.startswith("NO LABEL COLUMN, so that labels are not checked")
    (line,) = read(columns, label="v1").role_lines
    assert line == "text: title + text; label: v1; key: id; beside: v2"
    (line,) = read(columns, label="none").role_lines
    assert "label: not read;" in line


def test_candidates_are_ranked_by_name_kind_and_number_of_values():
    columns = {
        "text": TEXTS,
        "many": WORDS * 6,
        "code": ODD,
        "few": AB,
        "gaps": ["x", *[None] * 59],
    }
    loaded = read(columns)
    assert loaded.roles["label"] == "none (could be few, many, code; give --label)"
    with pytest.raises(InputError, match=r"could be the label \(few, many, code\)"):
        load_dataset(pd.DataFrame(columns))


def test_a_name_is_no_text_beside_numbers_and_tells_people_apart():
    columns = {"Age": [30.0] * N, "Fare": [7.25] * N, "Name": people(), "Sex": AB}
    loaded = read(columns)
    assert loaded.schema.modality == "features"
    assert "Name" in loaded.roles["beside"]


@pytest.mark.parametrize("suffix", ["jpg", "PNG", "webp"])
@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("images\\cat\\{}.", "none of those tried is found"),
        ("C:\\data\\{}.", "none of those tried is found"),
        ("/home/someone/{}.", "none of those tried is found"),
        ("https://example.org/{}.", "addresses of images on the network"),
        ("s3://bucket/{}.", "addresses of images on the network"),
    ],
)
def test_images_that_are_not_there_are_no_texts(form, message, suffix):
    paths = [form.format(i) + suffix for i in range(N)]
    with pytest.raises(InputError, match=message):
        read({"path": paths, "label": AB})
    assert read({"path": paths, "label": AB, "text": TEXTS}).schema.inputs == ("text",)
    assert "image" in read({"path": paths, "label": AB, "text": TEXTS}).roles["beside"]


def test_paths_written_on_windows_are_found(tmp_path):
    from PIL import Image

    (tmp_path / "images").mkdir()
    for i in range(6):
        Image.fromarray(np.full((8, 8, 3), i, np.uint8)).save(tmp_path / f"images/{i}.png")
    frame = pd.DataFrame({"path": [f"images\\{i}.png" for i in range(6)], "label": ["a", "b"] * 3})
    frame.to_csv(tmp_path / "d.csv", index=False)
    loaded = load_dataset(tmp_path / "d.csv", keep_unlabeled=True, test_fraction=0)
    assert (loaded.schema.modality, len(loaded.dataset)) == ("image", 6)


CHATS = {
    "messages": [{"role": "user", "content": "Hi {}"}, {"role": "assistant", "content": "Ho {}"}],
    "conversations": [{"from": "human", "value": "Hi {}"}, {"from": "gpt", "value": "Ho {}"}],
}


def chat(name, i):
    return [{k: v.format(i) for k, v in turn.items()} for turn in CHATS[name]]


@pytest.mark.parametrize("form", ["lines", "csv"])
@pytest.mark.parametrize("name", CHATS)
def test_conversations_are_read_turn_after_turn(tmp_path, name, form):
    rows = [{name: chat(name, i), "source": "ab"[i % 2]} for i in range(20)]
    path = tmp_path / ("d.jsonl" if form == "lines" else "d.csv")
    if form == "lines":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        frame = pd.DataFrame(rows)
        frame.assign(**{name: frame[name].map(json.dumps)}).to_csv(path, index=False)
    loaded = load_dataset(path, keep_unlabeled=True, test_fraction=0)
    first, second = CHATS[name][0], CHATS[name][1]
    speakers = [next(iter(turn.values())) for turn in (first, second)]
    assert loaded.dataset[name][3] == f"{speakers[0]}: Hi 3\n{speakers[1]}: Ho 3"
    assert loaded.roles["text"] == f"{name} (conversations)"
    assert loaded.given.table[name].to_pylist()[3] in (chat(name, 3), json.dumps(chat(name, 3)))


def test_prompts_and_completions_of_turns_and_parts_are_joined(tmp_path):
    rows = [
        {
            "prompt": [{"role": "user", "content": f"question number {i}"}],
            "completion": [{"role": "assistant", "content": [{"type": "text", "text": f"no {i}"}]}],
        }
        for i in range(8)
    ]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    loaded = load_dataset(tmp_path / "d.jsonl", keep_unlabeled=True, test_fraction=0)
    texts = list(loaded.dataset["prompt + completion"])
    assert texts[2] == "user: question number 2 | assistant: no 2"


def test_a_row_is_missing_only_where_all_of_its_texts_are():
    titles, bodies = ["t", "", None, " "], [None, "b c d", None, ""]
    table = {"title": titles * 3, "body": bodies * 3}
    loaded = read(table, text="title,body")
    assert list(loaded.dataset["title + body"])[:2] == ["t | ", " | b c d"]
    assert sorted({issue.detail.split(" (")[0] for issue in loaded.set_aside}) == ["missing text"]
    assert len(loaded.set_aside) == 6


def test_ids_do_not_hang_on_which_columns_are_read_as_the_text():
    table = {"title": prose(4), "body": TEXTS, "label": AB}
    ids = [list(read(table, **text).dataset["row_id"]) for text in ({}, {"text": "body"})]
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("labels", "columns", "task"),
    [
        (np.arange(N) % 10, {"text": TEXTS}, "classification"),
        (np.arange(N) % 10 + 0.5, {"text": TEXTS}, "regression"),
        ((np.arange(N) * 7) % 40, {"x": NUMBERS, "z": NUMBERS**2}, "regression"),
        ([["a", "b"][: 1 + i % 2] for i in range(N)], {"text": TEXTS}, "multi_label"),
        ([json.dumps(["a", "b"][: 1 + i % 2]) for i in range(N)], {"text": TEXTS}, "multi_label"),
        ([str(["a", "b"][: 1 + i % 2]) for i in range(N)], {"text": TEXTS}, "multi_label"),
        ([["a", "a;b", "b"][i % 3] for i in range(N)], {"text": TEXTS}, "multi_label"),
        ([["b", "b | a", "a"][i % 3] for i in range(N)], {"text": TEXTS}, "multi_label"),
        (["x.5", "1.2", "b"] * 20, {"text": TEXTS}, "classification"),
        (["books|prose", "books|poetry", "music"] * 20, {"text": TEXTS}, "classification"),
        (["a;", "b;", "c"] * 20, {"text": TEXTS}, "classification"),
        (["red|small", "red|large", "blue|small"] * 20, {"text": TEXTS}, "classification"),
    ],
)
def test_what_a_label_is_follows_from_its_values(labels, columns, task):
    loaded = read({**columns, "grade": labels}, label="grade")
    assert loaded.schema.task == task
    assert ("task" in loaded.choices) == (task != "classification")
    if task == "multi_label":
        assert loaded.schema.classes == ("a", "b")
        assert list(loaded.dataset["grade"])[1] == ["a", "b"]
    if task == "regression":
        assert loaded.schema.classes == ()
        np.testing.assert_allclose(loaded.dataset["grade"][:], labels)


def test_codes_of_many_classes_are_classes_and_a_task_can_be_said():
    codes = [i % 77 for i in range(800)]
    table = {"text": [f"some words of text number {i}" for i in range(800)]}
    assert len(read({**table, "label": codes}).schema.classes) == 77
    assert read({**table, "age": [18 + code for code in codes]}, label="age").schema.task == (
        "regression"
    )
    assert read({**table, "label": codes}, task="regression").schema.task == "regression"
    assert (
        len(read({**table, "age": codes}, label="age", task="classification").schema.classes) == 77
    )
    sets = read(
        {"text": TEXTS, "tags": ["a|b", "b", "c; a"] * 20}, label="tags", task="multi_label"
    )
    assert sets.schema.classes == ("a", "b", "c")
    with pytest.raises(InputError, match="`task` must be one of 'classification'"):
        read({**table, "label": codes}, task="classes")
    with pytest.raises(InputError, match=r"\(whole numbers with 77 levels\).*classification"):
        load_dataset(pd.DataFrame({**table, "age": [18 + code for code in codes]}), label="age")


def test_rows_that_lack_some_numbers_stay_where_data_are_cleaned():
    ages = [np.nan if i % 4 == 0 else float(i) for i in range(N)]
    fares = [np.nan if i == 8 else 7.0 + i for i in range(N)]
    table = {"age": ages, "fare": fares, "label": AB}
    loaded = read(table)
    assert len(loaded.dataset) == N - 1
    assert [issue.detail for issue in loaded.set_aside] == ["all numbers are missing (row 9)"]
    strict = load_dataset(pd.DataFrame(table))
    assert len(strict.dataset) == N - 15


def test_a_stray_word_among_numbers_is_a_missing_number_and_said_where_data_are_cleaned():
    ages = [str(i) for i in range(N)]
    ages[3], ages[5], ages[7], ages[9] = "?", "unknown", "?", "inf"
    loaded = read({"age": ages, "fare": NUMBERS, "label": AB})
    assert [issue.detail for issue in loaded.set_aside] == [
        "NaN or infinite value in 'age' (row 10)"
    ]
    assert np.isnan(np.array(loaded.dataset["age"][:], float))[[3, 5, 7]].all()
    line = "no numbers: '?' in 'age' (2 rows), 'unknown' in 'age' (1 row) (taken as missing)"
    assert loaded.role_lines[-1] == line


def test_a_first_column_without_a_name_holds_the_numbers_of_rows(tmp_path):
    numbers = [f"{row}" for row in (*range(20, 80), 7, 3)]  # of a part of the rows, out of order
    lines = [f"{row},{at / 10},{at % 7}" for at, row in enumerate(numbers)]
    (tmp_path / "rows.csv").write_text("\n".join([",size,grade", *lines]))
    loaded = load_dataset(tmp_path / "rows.csv", label="none", test_fraction=0)
    assert loaded.schema.inputs == ("size", "grade")
    # Without any header the first column is as good as the others.
    (tmp_path / "plain.csv").write_text("\n".join(lines))
    plain = load_dataset(tmp_path / "plain.csv", header=False, label="none", test_fraction=0)
    assert plain.schema.inputs == ("column_1", "column_2", "column_3")
