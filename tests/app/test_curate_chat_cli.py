"""``thresher curate chat``: files of conversations, messy ones too, come back to the byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pytest
from typer.testing import CliRunner

import thresher.app
from thresher.app.cli.commands import app
from thresher.core.errors import InputError

ASK = "How long does it take to boil an egg until it is hard?"
SAY = "An egg of usual size takes about ten minutes in boiling water until the yolk is firm."


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*words: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["curate", "chat", *words, "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def line(*said: Any, **more: Any) -> str:
    roles = ("user", "assistant", "user", "assistant")
    turns = [{"role": role, "content": text} for role, text in zip(roles, said, strict=False)]
    return json.dumps({"messages": turns, **more}, ensure_ascii=False)


LINES = [
    line(ASK, SAY, meta={"a": [1, "x", None]}),
    '{"messages":[{"role":"user","content":"\\u00dcber?"},{"role":"assistant","content":"X."}]}',
    line(ASK.lower(), SAY),
    line([{"type": "text", "text": "Look."}, {"type": "image_url", "image_url": "u"}], "A cat."),
    line("Say hello.", ""),
    '{"messages": [{"role": "user", "con',
    line("Who are you?", "I'm sorry, but I can't help with that."),
    '{"messages": null}',
    '{"messages": "no turns"}',
]


def test_a_messy_file_is_cleaned_line_by_line_and_taken_back() -> None:
    Path("chats.jsonl").write_text("\n".join(LINES) + "\n", encoding="utf-8")
    found = run("chats.jsonl", "--clean", "clean.jsonl", "--manifest", "made", "--out", "found.csv")
    stay = [LINES[at] for at in (0, 1, 3, 6)]
    assert Path("clean.jsonl").read_text(encoding="utf-8").splitlines() == stay
    assert found["found"] == {"exact_duplicate": 0, "near_duplicate": 1, "quality": 5}
    assert found["facts"]["copies"] == {"whole": 1}
    assert found["facts"]["roles"] == {"assistant": 6, "user": 6}
    worst = {(row["line"], row["detail"].partition(":")[0]) for row in found["worst"]}
    assert (5, "empty") in worst
    assert (6, "broken line (Unterminated string starting at") in worst
    thresher.app.curate_undo("made", "clean.jsonl", out="back.jsonl")
    assert Path("back.jsonl").read_text(encoding="utf-8").splitlines() == LINES


def test_refusals_go_where_it_is_asked_for() -> None:
    Path("chats.jsonl").write_text("\n".join(LINES) + "\n", encoding="utf-8")
    found = run("chats.jsonl", "--clean", "clean.jsonl", "--drop", "refusal")
    assert found["clean"]["kept"] == 3
    done = CliRunner().invoke(app, ["curate", "chat", "chats.jsonl", "--drop", "refusals"])
    assert done.exit_code != 0
    with pytest.raises(InputError, match="Did you mean 'refusal'"):
        thresher.app.curate_chat("chats.jsonl", drop="refusals")


def test_every_row_of_parquet_and_datasets_is_kept_as_it_is() -> None:
    rows = datasets.Dataset.from_dict(
        {
            "conversations": [
                [{"from": "human", "value": ASK}, {"from": "gpt", "value": SAY}],
                [{"from": "human", "value": ASK}, {"from": "gpt", "value": "Ten minutes."}],
                [{"from": "human", "value": "Add 2 and 3."}, {"from": "gpt", "value": "5"}],
                [{"from": "human", "value": "Add 2 and 4."}, {"from": "gpt", "value": "6"}],
            ],
            "source": ["a", "b", "c", "d"],
            "stars": [1.0, 5.0, 2.0, 3.0],
        }
    )
    rows.to_parquet("chats.parquet")
    found = run("chats.parquet", "--clean", "clean.parquet", "--keep", "column:stars")
    assert found["facts"]["shape"] == "turns (conversations)"
    back = datasets.Dataset.from_parquet("clean.parquet")
    assert back.to_dict() == rows.select([1, 2, 3]).to_dict()
    in_memory = thresher.app.curate_chat(rows)
    assert in_memory.manifest.actions.tolist() == ["keep", "drop", "keep", "keep"]


def test_columns_are_named_where_they_are_not_found() -> None:
    Path("pairs.csv").write_text(f"ask,reply\n{ASK},{SAY}\n{ASK.upper()},{SAY}\n", "utf-8")
    with pytest.raises(InputError, match=r"No column holds conversations.*There are ask, reply"):
        thresher.app.curate_chat("pairs.csv")
    found = thresher.app.curate_chat("pairs.csv", text="ask,reply")
    assert found.manifest.counts()["drop"] == 1
    with pytest.raises(InputError, match="needs a column of numbers"):
        thresher.app.curate_chat("pairs.csv", text="ask,reply", keep="column:ask")
    with pytest.raises(InputError, match="must be one of 'best', 'first', 'column:NAME'"):
        thresher.app.curate_chat("pairs.csv", text="ask,reply", keep="worst")


def test_lengths_are_counted_by_the_users_tokenizer() -> None:
    tokenizers = pytest.importorskip("tokenizers")
    model = tokenizers.models.WordLevel({"[UNK]": 0, "ten": 1}, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split("n", "isolated")
    tokenizer.save("tokenizer.json")
    Path("chats.jsonl").write_text(line("ten?", "no") + "\n", encoding="utf-8")
    words = run("chats.jsonl")
    tokens = run("chats.jsonl", "--tokenizer", "tokenizer.json")
    assert words["facts"]["tokens"]["total"] == 2
    # "ten?\nno" is cut at each n: te, n, ?\n, n, o.
    assert tokens["facts"]["tokens"]["total"] == 5


def test_copies_by_meaning() -> None:
    texts = [(ASK, SAY), ("Add 2 and 3.", "It is 5."), (ASK, SAY)]
    Path("chats.jsonl").write_text("\n".join(line(*t) for t in texts) + "\n", encoding="utf-8")
    found = run("chats.jsonl", "--by", "meaning", "--encoder", "builtin:text-hash")
    assert found["facts"]["copies"] == {"meaning": 1}
    assert found["decisions"]["drop"] == 1


def test_files_of_other_shapes_are_read_too() -> None:
    Path("set").mkdir()
    Path("set/a.jsonl").write_text("".join(line(f"{ASK} {at}", SAY) + "\n" for at in range(300)))
    other = {"prompt": "Name a river.", "completion": "The Ebro."}
    same = {"prompt": "name a river", "completion": "The Ebro, in Spain."}
    Path("set/b.jsonl").write_text(f"{json.dumps(other)}\n{json.dumps(same)}\n")
    found = run("set", "--by", "prompt")
    assert found["facts"]["shape"] == "turns (messages), or prompt and answer (prompt, completion)"
    assert (found["rows"], found["set_aside"]) == (302, 0)
    (worst,) = [row for row in found["worst"] if row["file"].endswith("b.jsonl")]
    assert (worst["line"], worst["twin_line"], worst["check"]) == (1, 2, "near_duplicate")


def test_a_system_prompt_beside_the_turns_is_one() -> None:
    pirate, clerk = (json.loads(line(ASK, SAY)) | {"system": said} for said in ("Ahoy!", "Sirs,"))
    Path("chats.jsonl").write_text(f"{json.dumps(pirate)}\n{json.dumps(clerk)}\n")
    found = run("chats.jsonl", "--by", "prompt")
    assert found["facts"]["roles"] == {"assistant": 2, "system": 2, "user": 2}
    assert found["decisions"]["drop"] == 0
