"""Settings merge, are checked, and come back from TOML."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from thresher.app.cli.commands import app
from thresher.app.settings import Settings, described, groups, meaning, resolve, to_toml
from thresher.core.errors import InputError


def test_later_sources_win(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text("seed = 1\n[teacher]\nepochs = 3\nlr = 0.5\n")
    settings = resolve(
        config=config, overrides=["teacher.epochs=4", "data.label=kind"], values={"seed": 9}
    )
    assert (settings.seed, settings.teacher.epochs, settings.teacher.lr) == (9, 4, 0.5)
    assert settings.data.label == "kind"
    assert settings.student == Settings().student


def test_none_is_a_word_where_nothing_may_be_left_unset() -> None:
    asked = ["decide.labels=none", "decide.outliers=none", "augment.policy=none"]
    settings = resolve(overrides=[*asked, "teacher.rank=8", "data.text=none"])
    decided = settings.decide
    assert (decided.labels, decided.outliers, settings.augment.policy) == ("none",) * 3
    assert settings.data.text is None
    with pytest.raises(InputError, match=r"'teacher\.epochs' cannot be 'none'"):
        resolve(overrides=["teacher.epochs=none"])


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("teacher.epoch=4", "no setting 'teacher.epoch'. Did you mean 'epochs'"),
        ("techer.epochs=4", "no setting 'techer'. Did you mean 'teacher'"),
        ("teacher.epochs=many", "setting 'teacher.epochs' cannot be 'many'"),
        ("decide.labels=delete", "'drop', 'relabel', 'review' or 'none'"),
        ("teacher.epochs=0", "setting 'teacher.epochs' cannot be 0: .* equal to 1; or .* 'auto'"),
        ("student.lr=-1", "setting 'student.lr' cannot be -1: .* greater than 0"),
        ("quantize.epochs=0", "setting 'quantize.epochs' cannot be 0"),
        ("quantize.epochs=much", "setting 'quantize.epochs' cannot be 'much'"),
        ("threads=0", "setting 'threads' cannot be 0"),
        ("data.image_size=0", "setting 'data.image_size' cannot be 0"),
        ("seed=-1", "setting 'seed' cannot be -1"),
        ("teacher", "takes name=value"),
        ("seed.a=1", "no setting|cannot be"),
    ],
)
def test_a_wrong_setting_says_what_is_allowed(override: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        resolve(overrides=[override])


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    settings = resolve(overrides=["data.where.dataset=trec", "teacher.width=16", "baseline=true"])
    path = tmp_path / "config.toml"
    path.write_text(to_toml(settings, {"device": "cpu (no CUDA device found)"}))
    assert resolve(config=path) == settings


def test_a_config_that_is_not_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("seed =")
    with pytest.raises(InputError, match=r"c\.toml is not valid TOML"):
        resolve(config=tmp_path / "c.toml")
    with pytest.raises(InputError, match="cannot be read"):
        resolve(config=tmp_path / "absent.toml")


def test_every_setting_says_what_it_means_and_may_be() -> None:
    named = [(name, group, set(group.model_fields)) for name, group in groups().items()]
    for name, group, fields in named:
        told = list(described(group))
        inner = {*groups()} if not name else set()
        assert {one.name for one in told} == fields - inner
        for one in told:
            assert one.meaning.endswith("."), one
            assert one.allowed, one
    by_name = {one.name: one for one in described(groups()["data"])}
    assert by_name["test_fraction"].allowed == "a number, at least 0, below 1"
    assert by_name["task"].allowed == "classification, multi_label or regression"
    assert by_name["limit"].allowed == "a whole number, at least 1"
    assert {one.name: one for one in described(groups()["distil"])}["alpha"].allowed == (
        "a number, 0 to 1"
    )
    by_name = {one.name: one for one in described(groups()["teacher"])}
    assert by_name["epochs"].allowed == "a whole number, at least 1 or auto"
    assert by_name["lr"].allowed == "a number, above 0 or auto"


def test_written_settings_say_what_they_mean() -> None:
    written = to_toml(
        resolve(overrides=["data.where.dataset=trec", "cost.price_per_hour.cpu=0.1"]), {}
    )
    assert (
        "# Seed of everything random. (a whole number, at least 0, below 4294967296)\n" in written
    )
    assert "# Weight of the teacher; the labels have the rest. (a number, 0 to 1)\nalpha" in written
    assert '(a table)\n[data.where]\ndataset = "trec"\n' in written
    values = [line for line in written.splitlines() if " = " in line and not line.startswith("#")]
    comments = [line for line in written.splitlines() if line.startswith("# ")]
    assert len(comments) >= len(values)


def test_options_of_commands_have_the_words_of_their_settings() -> None:
    shown = CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "1000", "TERM": "dumb"})
    told = " ".join(shown.output.split())
    for name in ("data.label", "data.task", "data.delimiter", "seed", "device", "budget.rows"):
        assert meaning(name).removesuffix(".") in told
