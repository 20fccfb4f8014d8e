"""``thresher curate personal``: masked lines keep every other byte, rows go, nothing is shown."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import pytest
from typer.testing import CliRunner

import thresher.app
from thresher.app.cli.commands import app
from thresher.core.errors import InputError

LINES = [
    '{"text": "Mail ann@ex-ample.org, IBAN DE89 3704 0044 0532 0130 00.", "n": 1.0}',
    '{"n":2,"text":"caf\\u00e9 +49 30 901820 call"}',
    '{ "text":   "Nothing  h\u00e9re",  "n": 3e2 }',
    '{"text": "PESEL 40071911955 at 12:30:45", "n": null}',
]
MASKED = [
    '{"text": "Mail [EMAIL], IBAN [IBAN].", "n": 1.0}',
    '{"n":2,"text":"caf\\u00e9 [PHONE] call"}',
    LINES[2],
    '{"text": "PESEL [ID] at 12:30:45", "n": null}',
]


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mails.jsonl").write_text("\n".join(LINES) + "\n", encoding="utf-8")


def test_masked_lines_keep_every_other_byte() -> None:
    words = ["mails.jsonl", "--action", "mask", "--clean", "masked.jsonl", "--out", "found.csv"]
    done = CliRunner().invoke(app, ["curate", "personal", *words])
    assert done.exit_code == 0, done.output
    assert Path("masked.jsonl").read_text(encoding="utf-8").splitlines() == MASKED
    assert "masked, in 3 rows: email 1, iban 1, id 1, phone 1" in done.stdout
    assert "kept nowhere" in done.stdout
    assert "to put it back" not in done.stdout
    for private in ("ann@ex-ample", "40071911955", "901820"):
        assert private not in done.output
        assert private not in Path("found.csv").read_text(encoding="utf-8")
        for file in Path("masked.jsonl.undo").iterdir():
            assert private.encode() not in file.read_bytes()


def test_there_is_no_page_since_pages_show_texts() -> None:
    with pytest.raises(InputError, match="A page shows the texts"):
        thresher.app.curate_personal("mails.jsonl", out="found.html")
    assert not Path("found.html").exists()


def test_rows_are_dropped_or_left_to_be_looked_at() -> None:
    looked = thresher.app.curate_personal("mails.jsonl")
    assert looked.manifest.actions.tolist() == ["review", "review", "keep", "review"]
    assert looked.facts["pieces"] == {"email": 1, "iban": 1, "id": 1, "phone": 1}
    only = thresher.app.curate_personal(
        "mails.jsonl", action="drop", kinds="phone,iban", clean="clean.jsonl"
    )
    assert only.clean is not None
    assert Path("clean.jsonl").read_text(encoding="utf-8").splitlines() == LINES[2:]


def test_turns_and_tables_are_masked_too() -> None:
    turns = [
        {"role": "user", "content": "I am ann@example.org"},
        {"role": "assistant", "content": "Hi"},
    ]
    line = json.dumps({"messages": turns, "tags": ["x"]})
    Path("chats.jsonl").write_text(line + "\n", encoding="utf-8")
    thresher.app.curate_personal(
        "chats.jsonl", action="mask", mask="<{kind}>", clean="masked.jsonl"
    )
    assert Path("masked.jsonl").read_text() == line.replace("ann@example.org", "<EMAIL>") + "\n"
    rows = datasets.Dataset.from_dict({"messages": [turns], "n": [1]})
    rows.to_parquet("chats.parquet")
    thresher.app.curate_personal("chats.parquet", action="mask", clean="masked.parquet")
    back = datasets.Dataset.from_parquet("masked.parquet")
    assert back.features == rows.features
    assert back[0]["messages"][0]["content"] == "I am [EMAIL]"
    assert back[0]["messages"][1] == turns[1]


def test_all_columns_of_text_are_looked_at_and_the_others_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = (
        '{"id": 7, "text": "Nothing", "from": "ann@example.org", "meta": {"ip": ["81.2.69.142"]}}'
    )
    Path("more.jsonl").write_text(line + "\n", encoding="utf-8")
    found = thresher.app.curate_personal("more.jsonl", action="mask", clean="masked.jsonl")
    masked = line.replace("ann@example.org", "[EMAIL]").replace("81.2.69.142", "[IP]")
    assert Path("masked.jsonl").read_text(encoding="utf-8") == masked + "\n"
    assert found.facts["pieces"] == {"email": 1, "ip": 1}
    assert found.facts["columns"] == ["text", "from", "meta"]
    assert found.facts["columns_not_looked_at"] == ["id"]
    one = thresher.app.curate_personal("more.jsonl", text="text")
    assert one.facts["pieces"] == {}
    assert one.facts["columns_not_looked_at"] == ["from", "meta", "id"]
    told = CliRunner().invoke(app, ["curate", "personal", "more.jsonl"])
    assert "personal data in 1 row: email 1, ip 1" in told.stdout
    assert "columns looked at: text, from, meta; not looked at: id" in told.stdout


def test_tables_of_numbers_and_addresses_are_looked_at() -> None:
    rows = [f"{at},{at * at},c{at}@example.org" for at in range(5)]
    Path("table.csv").write_text("\n".join(["x,y,mail", *rows]) + "\n", encoding="utf-8")
    found = thresher.app.curate_personal("table.csv", action="mask", clean="masked.csv")
    assert found.facts["pieces"] == {"email": 5}
    assert "@" not in Path("masked.csv").read_text(encoding="utf-8")
    assert Path("masked.csv").read_text(encoding="utf-8").startswith("x,y,mail\n0,0,[EMAIL]\n")


def test_lines_that_are_no_rows_do_not_stay_beside_masked_ones() -> None:
    lines = ["text,n", "ask ann@example.org,1", "bob@example.org,2,3", "fine,4"]
    Path("broken.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    thresher.app.curate_personal("broken.csv", action="mask", clean="masked.csv")
    assert Path("masked.csv").read_text(encoding="utf-8") == "text,n\nask [EMAIL],1\nfine,4\n"
    for file in Path("masked.csv.undo").iterdir():
        assert b"bob@" not in file.read_bytes()


def test_no_label_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    Path("plain.csv").write_text("text\nask ann@example.org\nask us\n", encoding="utf-8")
    assert thresher.app.curate_personal("plain.csv").facts["pieces"] == {"email": 1}
    assert "LABEL" not in capsys.readouterr().err
    thresher.app.curate_quality("plain.csv", rules="gopher")
    assert "LABEL" not in capsys.readouterr().err


def test_what_cannot_be_done_is_said() -> None:
    with pytest.raises(InputError, match="written by --clean"):
        thresher.app.curate_personal("mails.jsonl", action="mask")
    with pytest.raises(InputError, match="must be one of 'report', 'drop', 'mask'"):
        thresher.app.curate_personal("mails.jsonl", action="hide")
    with pytest.raises(InputError, match="names none"):
        thresher.app.curate_personal("mails.jsonl", kinds=" , ")
    Path("numbers.csv").write_text("x,y\n1,2\n3,4\n", encoding="utf-8")
    with pytest.raises(InputError, match="no texts to look for personal data"):
        thresher.app.curate_personal("numbers.csv")
