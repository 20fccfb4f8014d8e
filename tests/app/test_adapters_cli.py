"""``thresher adapters``: from what peft has trained to a model of its own, without Python."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lifecycle import Adapter, AdapterStore, Base, adapter_to_peft
from lifecycle.adapters.tensor_file import read_tensors, write_tensors
from thresher.app.cli.commands import app
from thresher.core.errors import InputError

RNG = np.random.default_rng(0)
PAIR = (RNG.normal(size=(2, 300)), RNG.normal(size=(200, 2)))


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["adapters", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("base").mkdir()
    weights = {"body.weight": RNG.normal(size=(200, 300)), "body.bias": np.zeros(200)}
    write_tensors("base/model.safetensors", weights, metadata={"format": "pt"})
    Path("base/config.json").write_text("{}")
    adapter_to_peft(Adapter("", {"body": PAIR}), "trained/letters")
    return tmp_path


def test_add_list_merge_and_export() -> None:
    assert run("add", "tasks", "trained/letters", "--base", "base").startswith("letters: rank 2, ")
    again = ("add", "tasks", "trained/letters", "--base", "base", "--name", "other", "--json")
    told = json.loads(run(*again))
    assert (told["name"], told["rank"], told["updated"]) == ("other", 2, ["body"])
    assert told["size_bytes"] == 4 * 2 * (300 + 200)
    listed = json.loads(run("list", "tasks", "--json"))
    assert [one["name"] for one in listed] == ["letters", "other"]
    assert listed[1] == told
    assert "other" in run("list", "tasks")
    out = ("merge", "tasks", "letters", "--base", "base", "--out", "letters-model")
    assert run(*out).strip() == "letters-model"
    before = read_tensors("base/model.safetensors")[0]["body.weight"]
    after = read_tensors("letters-model/model.safetensors")[0]["body.weight"]
    np.testing.assert_allclose(after, before + PAIR[1] @ PAIR[0], atol=1e-4)
    assert Path("letters-model/config.json").exists()
    run("export", "tasks", "letters", "--out", "for-peft")
    left, right = (
        read_tensors(Path(place) / "adapter_model.safetensors")[0]
        for place in ("trained/letters", "for-peft")
    )
    assert left.keys() == right.keys()
    for name, array in left.items():
        np.testing.assert_allclose(right[name], array, rtol=1e-6)


def test_a_damaged_adapter_does_not_hide_the_others() -> None:
    for name in ("a", "b", "c"):
        run("add", "tasks", "trained/letters", "--base", "base", "--name", name)
    Path("tasks/b.safetensors").write_bytes(b"not a file of numbers")
    result = CliRunner().invoke(app, ["adapters", "list", "tasks"])
    assert result.exit_code == 2
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [words[0] for words in lines if words[0] in "abc"] == ["a", "b", "c"]
    assert lines[-1][:2] == ["c", "2"]
    assert "cannot be used" in result.stdout
    faults = CliRunner().invoke(app, ["adapters", "list", "tasks", "--json"])
    assert [bool(one["fault"]) for one in json.loads(faults.stdout)] == [False, True, False]


def test_what_cannot_be_done_is_said() -> None:
    run("add", "tasks", "trained/letters", "--base", "base")
    for arguments, said in (
        (("add", "tasks", "trained/letters", "--base", "base"), "already"),
        (("add", "tasks", "trained/nothing", "--base", "base"), "no file .*adapter_config"),
        (("add", "tasks", "trained/letters", "--base", "nothing"), "cannot be read"),
        (("merge", "tasks", "lettres", "--base", "base", "--out", "x"), "Did you mean 'letters'"),
        (("export", "tasks", "letters", "--out", "base"), "is there already"),
        (("list", "base"), "no adapter store"),
    ):
        with pytest.raises(InputError, match=said):
            run(*arguments)
    write_tensors("base/more.safetensors", {"x": np.ones(2)}, metadata={})
    with pytest.raises(InputError, match="holds adapters of the base"):
        run("add", "tasks", "trained/letters", "--base", "base", "--name", "new")
    run("add", "tasks2", "trained/letters", "--base", "base", "--max-share", "0.5")
    with pytest.raises(InputError, match="of its base"):
        run("add", "tasks3", "trained/letters", "--base", "base", "--max-share", "0.001")
    Path("tasks/base.json").write_text("[]")
    with pytest.raises(InputError, match="not written by an adapter store"):
        run("list", "tasks")


def test_a_store_is_opened_by_its_folder() -> None:
    run("add", "tasks", "trained/letters", "--base", "base")
    store = AdapterStore.open("tasks")
    assert store.names() == ["letters"]
    again = AdapterStore("tasks", base=Base(store.base.digest, store.base.size_bytes))
    assert again.get("letters").rank == 2
