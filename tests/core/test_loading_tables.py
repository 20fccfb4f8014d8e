"""Tables of every format load alike, and every line that cannot be used is named."""

import io
import json

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq
import pytest

from thresher.core.errors import InputError
from thresher.core.loading import load_dataset
from thresher.core.loading.table_form import TableForm, find_layout

TEXTS = [f"This is sentence number {i}" for i in range(40)]
LABELS = ["yes" if i % 2 else "no" for i in range(40)]
FRAME = pd.DataFrame({"text": TEXTS, "label": LABELS})


def write(path, frame=FRAME):
    writers = {
        ".csv": lambda: frame.to_csv(path, index=False),
        ".tsv": lambda: frame.to_csv(path, index=False, sep="\t"),
        ".parquet": lambda: frame.to_parquet(path),
        ".jsonl": lambda: frame.to_json(path, orient="records", lines=True),
        ".json": lambda: frame.to_json(path, orient="records"),
    }
    writers[path.suffix]()
    return path


def details(loaded):
    return {issue.row_id: issue.detail for issue in loaded.set_aside}


def reasons(loaded):
    return sorted(issue.detail for issue in loaded.set_aside)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".jsonl", ".json"])
def test_every_format_gives_the_same_rows(tmp_path, suffix):
    loaded = load_dataset(write(tmp_path / f"data{suffix}"))
    expected = load_dataset(FRAME)
    assert list(loaded.dataset["text"]) == TEXTS
    assert list(loaded.dataset["label"]) == LABELS
    assert list(loaded.dataset["row_id"]) == list(expected.dataset["row_id"])
    assert list(loaded.dataset["split"]) == list(expected.dataset["split"])
    assert loaded.fingerprint == expected.fingerprint
    assert len(loaded.set_aside) == 0


def test_columns_of_lists_as_json(tmp_path):
    (tmp_path / "d.json").write_text(json.dumps({"text": TEXTS, "label": LABELS}))
    assert list(load_dataset(tmp_path / "d.json").dataset["text"]) == TEXTS
    (tmp_path / "e.json").write_text(json.dumps({"data": FRAME.to_dict("records"), "version": 1}))
    assert list(load_dataset(tmp_path / "e.json").dataset["text"]) == TEXTS


@pytest.mark.parametrize("give", ["mapping", "text", "folder", "pattern", "list"])
def test_files_named_by_split(tmp_path, give):
    write(tmp_path / "train.csv", FRAME[:30])
    write(tmp_path / "test.csv", FRAME[30:])
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    source = {
        "mapping": {"train": train, "test": str(test)},
        "text": f"train={train}, test={test}",
        "folder": str(tmp_path),
        "pattern": str(tmp_path / "*.csv"),
        "list": [train, test],
    }[give]
    table = load_dataset(source).dataset
    splits = dict(zip(table["text"], table["split"], strict=True))
    assert [splits[text] for text in TEXTS] == ["train"] * 30 + ["test"] * 10


def test_hub_like_folders(tmp_path):
    (tmp_path / "data").mkdir()
    write(tmp_path / "data/train-00000-of-00002.parquet", FRAME[:15])
    write(tmp_path / "data/train-00001-of-00002.parquet", FRAME[15:30])
    write(tmp_path / "data/test-00000-of-00001.parquet", FRAME[30:])
    assert list(load_dataset(tmp_path).dataset["split"]).count("train") == 30


def test_half_named_files_are_unclear(tmp_path):
    write(tmp_path / "train.csv")
    write(tmp_path / "more.csv")
    with pytest.raises(InputError, match=r"some do not: more\.csv"):
        load_dataset(tmp_path)


def test_saved_datasets_and_objects(tmp_path):
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])}
    )
    rows = {"text": TEXTS, "label": [i % 2 for i in range(40)]}
    dataset = datasets.Dataset.from_dict(rows, features=features)
    both = datasets.DatasetDict(
        {"train": dataset.select(range(39, 9, -1)), "test": dataset.select(range(10))}
    )
    both.save_to_disk(str(tmp_path / "both"))
    dataset.save_to_disk(str(tmp_path / "one"))
    for source in (both, tmp_path / "both"):
        table = load_dataset(source).dataset
        assert list(table["text"]) == TEXTS[:9:-1] + TEXTS[:10]
        assert list(table["label"])[:2] == ["yes", "no"]
        assert list(table["split"]) == ["train"] * 30 + ["test"] * 10
    for source in (dataset, tmp_path / "one"):
        assert list(load_dataset(source).dataset["text"]) == TEXTS
    dataset.to_parquet(tmp_path / "named.parquet")
    assert list(load_dataset(tmp_path / "named.parquet").dataset["label"])[:2] == ["no", "yes"]


def test_a_label_code_below_zero_is_missing():
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])}
    )
    rows = {"text": TEXTS, "label": [-1, *(i % 2 for i in range(39))]}
    loaded = load_dataset(datasets.Dataset.from_dict(rows, features=features))
    assert reasons(loaded) == ["missing label (row 1)"]


def test_broken_csv_lines_are_named(tmp_path):
    lines = ["text,label", *(f"{t},{label}" for t, label in zip(TEXTS, LABELS, strict=True))]
    lines[5] += ",too,many"
    lines[9] = "too few"
    lines[12] = '"with, comma ""quoted""",yes'
    lines[15] = ",yes"
    lines[18] = "no label here,"
    (tmp_path / "d.csv").write_text("\n".join(lines))
    loaded = load_dataset(tmp_path / "d.csv")
    found = details(loaded)
    assert found.pop("d.csv:6") == "broken line (4 columns, not 2)"
    assert found.pop("d.csv:10") == "broken line (1 column, not 2)"
    assert sorted(found.values()) == [
        "missing label (d.csv, row 19)",
        "missing text (d.csv, row 16)",
    ]
    assert 'with, comma "quoted"' in list(loaded.dataset["text"])
    assert len(loaded.dataset) == 36


def test_quoted_line_breaks_stay_in_their_cell(tmp_path):
    frame = FRAME.assign(text=[f"first line\nsecond line {i}" for i in range(40)])
    loaded = load_dataset(write(tmp_path / "d.csv", frame))
    assert list(loaded.dataset["text"]) == frame["text"].tolist()


def test_broken_json_lines_are_named(tmp_path):
    lines = [json.dumps(row) for row in FRAME.to_dict("records")]
    lines[3] = lines[3][:-5]
    lines[7] = "[1, 2]"
    lines[9] = ""
    lines[11] = json.dumps({"text": "  ", "label": "yes"})
    (tmp_path / "d.jsonl").write_text("\n".join(lines))
    found = details(load_dataset(tmp_path / "d.jsonl"))
    assert found.pop("d.jsonl:4").startswith("broken line")
    assert found.pop("d.jsonl:8") == "broken line (not a JSON object)"
    assert list(found.values()) == ["empty text (d.jsonl, row 12)"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(tmp_path, encoding):
    frame = FRAME.assign(text=[f"café crème numéro {i}" for i in range(40)])
    (tmp_path / "d.csv").write_bytes(frame.to_csv(index=False).encode(encoding))
    loaded = load_dataset(tmp_path / "d.csv")
    assert list(loaded.dataset["text"]) == frame["text"].tolist()
    assert ("encoding" in loaded.choices) == (not encoding.startswith("utf-8"))


def test_a_single_line_in_another_encoding_is_named(tmp_path):
    frame = FRAME.assign(text=[f"café crème numéro {i}" for i in range(40)])
    lines = frame.to_csv(index=False).encode().split(b"\n")
    lines[4] = "café crème,yes".encode("cp1252")
    (tmp_path / "d.csv").write_bytes(b"\n".join(lines))
    loaded = load_dataset(tmp_path / "d.csv")
    assert details(loaded) == {"d.csv:5": "not UTF-8"}
    assert len(loaded.dataset) == 39


def test_other_delimiters_are_found(tmp_path):
    FRAME.to_csv(tmp_path / "d.csv", index=False, sep=";")
    loaded = load_dataset(tmp_path / "d.csv")
    assert list(loaded.dataset["text"]) == TEXTS
    assert loaded.choices["delimiter"].value == "';'"


def test_one_bad_file_among_good_ones(tmp_path):
    write(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"PAR1 but not really")
    (tmp_path / "c.csv").write_bytes(b"")
    loaded = load_dataset(tmp_path)
    assert details(loaded)["c.csv"] == "zero bytes"
    assert details(loaded)["b.parquet"].startswith("unreadable file")
    assert len(loaded.dataset) == 40


HEADER_WITHOUT_END = b'"' + 200_000 * b"x" + b'",label\n1,2\n'


@pytest.mark.parametrize(
    "content", [b"", b"text,label\n", b"\x00\x01\x02", HEADER_WITHOUT_END], ids=range(4)
)
def test_a_useless_file_says_why(tmp_path, content):
    (tmp_path / "d.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"No usable row|There are no rows"):
        load_dataset(tmp_path / "d.csv")


@pytest.mark.parametrize(
    "data",
    [
        b"a,b\n1,2\n",
        b'\xef\xbb\xbfa,"b ""x"", c"\n1,2\n',
        b'"a\nb",c\r\n1,2\r\n',
    ],
)
def test_the_names_of_columns_are_those_that_arrow_reads(data):
    options = pc_csv.ParseOptions(newlines_in_values=True)
    expected = pc_csv.read_csv(io.BytesIO(data), parse_options=options).column_names
    layout = find_layout(data.removeprefix(b"\xef\xbb\xbf"), TableForm())
    assert (list(layout.names), layout.header) == (expected, True)
    assert layout.titles == layout.names


def numbers(rows=40):
    rng = np.random.default_rng(0)
    columns = {"a": rng.normal(size=rows), "b": np.arange(rows) + 5, "label": LABELS[:rows]}
    return pd.DataFrame(columns)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_numbers_become_features(tmp_path, suffix):
    loaded = load_dataset(write(tmp_path / f"d{suffix}", numbers()))
    assert (loaded.schema.modality, loaded.schema.inputs) == ("features", ("a", "b"))
    np.testing.assert_allclose(loaded.dataset["a"][:], numbers()["a"])


def test_bad_numbers_are_named(tmp_path):
    frame = numbers().astype({"a": object})
    for row, value in enumerate(["abc", "", "nan", "inf", "1e999"]):
        frame.loc[row, "a"] = value
    loaded = load_dataset(write(tmp_path / "d.csv", frame))
    assert loaded.schema.inputs == ("a", "b")
    assert reasons(loaded) == [
        "NaN or infinite value in 'a' (d.csv, row 4)",
        "NaN or infinite value in 'a' (d.csv, row 5)",
        "NaN or infinite value in 'a' (d.csv, row 6)",
        "missing value in 'a' (d.csv, row 3)",
        "not a number in 'a': 'abc' (d.csv, row 2)",
    ]


def test_mixed_types_in_a_feature_column(tmp_path):
    rows = numbers().to_dict("records")
    rows[2]["a"] = "abc"
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, rows)))
    loaded = load_dataset(tmp_path / "d.jsonl")
    assert reasons(loaded) == ["not a number in 'a': 'abc' (d.jsonl, row 3)"]
    assert "mixes float, str" in loaded.choices["type of a"].reason


def test_nan_and_infinity_in_parquet(tmp_path):
    frame = numbers()
    frame.loc[[1, 2], "a"] = [np.nan, -np.inf]
    pq.write_table(
        pa.table({name: frame[name].to_numpy() for name in frame}), tmp_path / "d.parquet"
    )
    assert reasons(load_dataset(tmp_path / "d.parquet")) == [
        "NaN or infinite value in 'a' (d.parquet, row 2)",
        "NaN or infinite value in 'a' (d.parquet, row 3)",
    ]


def test_vectors_as_features():
    rows = {"embedding": [[float(i), 1.0] for i in range(40)], "label": LABELS}
    rows["embedding"][3] = [np.nan, 1.0]
    loaded = load_dataset(datasets.Dataset.from_dict(rows))
    assert loaded.schema.inputs == ("embedding",)
    assert reasons(loaded) == ["NaN or infinite value in 'embedding' (row 4)"]


def test_one_json_line_that_is_no_text_costs_one_row(tmp_path):
    lines = [json.dumps(row) for row in FRAME.to_dict("records")]
    lines[3] = '{"text": "cut emoji \\ud83d", "label": "yes"}'
    lines[5] = '{"text": "whole emoji \\ud83d\\ude00", "label": "yes"}'
    lines[7] = '{"text": ' + "[" * 100_000
    lines[9] = '{"text": "x", "label": "yes", "n": ' + "9" * 5_000 + "}"
    data = "\n".join(lines).encode().replace(b"number 20", b"n\xfcmber 20")
    (tmp_path / "d.jsonl").write_bytes(data)
    loaded = load_dataset(tmp_path / "d.jsonl")
    found = details(loaded)
    assert found.pop("d.jsonl:10").startswith("broken line (Exceeds the limit")
    assert found == {
        "d.jsonl:4": "broken line (half a character (a lone surrogate))",
        "d.jsonl:8": "broken line (nested too deep)",
        "d.jsonl:21": "broken line (not UTF-8)",
    }
    assert "whole emoji 😀" in list(loaded.dataset["text"])
    assert len(loaded.dataset) == 36


def test_half_a_character_in_a_frame_costs_its_row():
    frame = FRAME.astype(object)
    frame.loc[3, "text"] = "cut emoji \ud83d"
    frame["note"] = [{"a": "\ud83d"} if i == 7 else {"a": "x"} for i in range(40)]
    loaded = load_dataset(frame)
    half = "half a character (a lone surrogate)"
    assert details(loaded) == {"row 4": half, "row 8": half}
    assert list(loaded.dataset["text"]) == [t for i, t in enumerate(TEXTS) if i not in (3, 7)]
