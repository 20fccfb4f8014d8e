"""Modules that moved are found by their old names, and say so where they are imported."""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest

from thresher.core.errors import InputError
from thresher.core.moved import RenamedField, moved_argument, moved_modules, renamed


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write a package in which `old` became `room.new`, and `kept` became `kept.inner`."""
    name = "moved_" + tmp_path.name.replace("-", "_")
    files = {
        "__init__.py": "from thresher.core.moved import moved_modules\n"
        "moved_modules(__name__, {'old': 'room.new'})\n",
        "room/__init__.py": "",
        "room/new.py": "class Thing: pass\n",
        "kept/__init__.py": "from thresher.core.moved import moved_names\n"
        "__getattr__ = moved_names(__name__, 'inner')\n",
        "kept/inner.py": "def value(): return 5\n",
    }
    for file, text in files.items():
        (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name / file).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_an_old_name_is_the_new_module_and_is_named_where_it_is_imported(package: str) -> None:
    new = import_module(f"{package}.room.new")
    program = f"from {package}.old import Thing\nimport {package}.old as old\n"
    found: dict[str, object] = {}
    with pytest.warns(
        DeprecationWarning, match=rf"{package}\.old is now {package}\.room\.new"
    ) as told:
        exec(compile(program, "users_file.py", "exec"), found)
    assert found["Thing"] is new.Thing
    assert found["old"] is new
    assert [warning.filename for warning in told] == ["users_file.py"]  # once, at the user's line
    assert new.__spec__.name == new.__name__ == f"{package}.room.new"


def test_the_new_names_warn_of_nothing(package: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert import_module(f"{package}.room.new").Thing
        assert import_module(f"{package}.kept.inner").value() == 5


def test_a_folder_named_like_the_old_module_has_its_names(package: str) -> None:
    folder = import_module(f"{package}.kept")
    with pytest.warns(DeprecationWarning, match=r"kept\.value is now .*kept\.inner\.value") as told:
        assert folder.value() == 5
    assert told[0].filename == __file__
    with pytest.raises(AttributeError, match="has no attribute 'other'"):
        folder.other  # noqa: B018


def test_what_is_not_listed_is_not_found(package: str) -> None:
    with pytest.raises(ModuleNotFoundError, match="never"):
        import_module(f"{package}.never")


def test_the_finder_is_asked_last_and_once() -> None:
    moved_modules("moved_nowhere", {})
    finders = [
        finder for finder in sys.meta_path if type(finder).__module__ == "thresher.core.moved"
    ]
    assert len(finders) == 1


def test_a_parameter_is_taken_by_its_old_name() -> None:
    @renamed(ids="row_ids")
    def count(row_ids: list[str], *, more: int = 0) -> int:
        """Count."""
        return len(row_ids) + more

    with pytest.warns(DeprecationWarning, match="`ids` of .*count is now `row_ids`") as told:
        assert count(ids=["a", "b"], more=1) == 3  # type: ignore[call-arg]
    assert told[0].filename == __file__
    assert count(["a"]) == count(row_ids=["a"]) == 1
    assert list(signature(count).parameters) == ["row_ids", "more"]
    with pytest.raises(InputError, match="give the latter"), pytest.warns(match="is now"):
        count(row_ids=["a"], ids=["b"])  # type: ignore[call-arg]


def test_what_came_first_is_taken_there() -> None:
    @moved_argument("how", lambda value: isinstance(value, str))
    def apply(data: list[int], *, how: str = "sum") -> int:
        return {"sum": sum, "max": max}[how](data)

    with pytest.warns(DeprecationWarning, match="first argument of .*apply is now `how`") as told:
        assert apply("max", [1, 2]) == 2  # type: ignore[arg-type, call-arg]
    assert told[0].filename == __file__
    assert apply([1, 2]) == 3
    assert apply([1, 2], how="max") == 2


def test_a_field_is_read_by_its_old_name() -> None:
    class Result:
        row_ids = ("a",)
        ids = RenamedField("row_ids")

    with pytest.warns(DeprecationWarning, match=r"`Result\.ids` is now `row_ids`") as told:
        assert Result().ids == ("a",)
    assert told[0].filename == __file__
