"""Each command of ``thresher`` has its function in `thresher.app`, and is a thin caller of it."""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pytest
import typer

import thresher.app
from thresher.app.cli.commands import app
from thresher.app.cli.default_command import DEFAULT
from thresher.core.errors import InputError, MissingExtraError
from thresher.core.options import family_of

CLI = Path(thresher.app.__file__).parent / "cli"
PACKAGES = ("curation", "active_learning", "augment", "training", "lifecycle")
HOW = "CONTRIBUTING.md says how to add a command"


def commands(group: typer.Typer, *words: str) -> Iterator[str]:
    """Yield the words of every command; those of a group's default command are the group's own."""
    for command in group.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__.replace("_", "-")
        yield " ".join([*words, *([] if name == DEFAULT else [name])])
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from commands(inner.typer_instance, *words, str(inner.name))


def functions() -> set[str]:
    """Return the public names of the app that are no classes."""
    return {name for name in thresher.app.__all__ if name[0].islower()}


COMMANDS = sorted(commands(app))


def function_name(command: str) -> str:
    return command.replace(" ", "_").replace("-", "_")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_its_function(command: str) -> None:
    name = function_name(command)
    assert name in functions(), (
        f"`thresher {command}` has no function: write `{name}` in thresher/app and name it in "
        f"thresher/app/__init__.py ({HOW})."
    )


@pytest.mark.parametrize("name", sorted(functions()))
def test_each_function_has_its_command(name: str) -> None:
    assert name in map(function_name, COMMANDS), (
        f"`thresher.app.{name}` has no command: no words of `thresher` joined by _ give {name} "
        f"({HOW})."
    )


@pytest.mark.parametrize("name", sorted(functions()))
def test_functions_take_data_first_and_the_rest_by_keyword(name: str) -> None:
    try:
        function = inspect.unwrap(getattr(thresher.app, name))
    except MissingExtraError as error:
        pytest.skip(str(error).partition(":")[0])
    parameters = list(inspect.signature(function).parameters.values())
    placed = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    assert len(placed) <= 2, f"{name} takes {', '.join(placed)} by place: at most two may be"
    own = [each for each in parameters if each.kind is not each.VAR_KEYWORD]
    bundles = len(parameters) > len(own)
    assert bundles == (family_of(function) is not None)


def test_commands_compute_nothing_themselves() -> None:
    """What a command does can be done in Python too: the command line imports no other package."""
    for path in sorted(CLI.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in imports(tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                continue
            module = node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name
            assert module.split(".")[0] not in PACKAGES, (
                f"thresher/app/cli/{path.name} imports {module}: let a function of thresher.app "
                f"do it, and the command call that ({HOW})."
            )


def imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports of a file, but those for type checkers alone."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child
        elif not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from imports(child)


def test_functions_print_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cars.csv").write_text("text\na red car\na blue boat\na red car\n", encoding="utf-8")
    said, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(told):
        found = thresher.app.curate("cars.csv", out="clean.csv")
        again = thresher.app.curate_duplicates("cars.csv", exact=True)
    assert (said.getvalue(), told.getvalue()) == ("", "")
    assert found.clean is not None
    assert (found.clean.kept, found.clean.dropped) == (2, 1)
    assert again.manifest.counts()["drop"] == 1


def test_the_page_of_the_run_shows_functions_that_do_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["fine", "poor", "food", "room", "staff", "slow", "great", "view"]
    lines = [
        f"{words[i % 8]} {words[i // 8]} number {i},{'good' if i % 2 else 'bad'}" for i in range(60)
    ]
    Path("reviews.csv").write_text("\n".join(["review,stars", *lines, lines[0]]), encoding="utf-8")
    page = (Path(__file__).parents[2] / "docs" / "run.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(block, "run.md", "exec"), names)
    assert names["done"].clean.kept + names["done"].clean.dropped == 61
    assert names["done"].clean.dropped >= 1
    assert names["done"].result.report.is_file()
    assert len(names["found"].manifest) == 61
    assert Path("labeling", "labels.db").is_file()


def test_functions_take_tables_in_memory_and_name_what_they_cannot_use() -> None:
    rows = datasets.Dataset.from_dict({"row_id": list("abcd"), "text": ["x y", "z", "v w", "u"],
                                       "label": ["p", "q", "p", "q"]})  # fmt: skip
    answers = {"row_id": ["a", "a", "b"], "annotator": ["1", "2", "1"], "label": ["p", "q", "q"]}
    by_people = thresher.app.curate_labels(rows, label="label", annotations=answers)
    assert (
        by_people.methods
        == thresher.app.curate_labels(rows, label="label", annotations=pa.table(answers)).methods
    )
    with pytest.raises(InputError, match="no column 'annotator'"):
        thresher.app.curate_labels(rows, label="label", annotations={"row_id": ["a"]})
    with pytest.raises(InputError, match="a file or a table, got int"):
        thresher.app.curate_labels(rows, label="label", annotations=3)
    with pytest.raises(InputError, match="There are no files"):
        thresher.app.curate_shards([], work="work")
    with pytest.raises(InputError, match="Did you mean 'threshold'"):
        thresher.app.curate_duplicates(rows, treshold=0.9)


def test_results_print_in_one_line() -> None:
    rows = datasets.Dataset.from_dict({"text": ["a red car", "a blue boat", "a red car"]})
    assert "\n" not in repr(thresher.app.curate_duplicates(rows, exact=True))
