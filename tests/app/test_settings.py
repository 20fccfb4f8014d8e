"""Settings merge, are checked, and come back from TOML."""

from __future__ import annotations

from pathlib import Path

import pytest

from thresher.app.settings import Settings, resolve, to_toml
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


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("teacher.epoch=4", "no setting 'teacher.epoch'. Did you mean 'epochs'"),
        ("techer.epochs=4", "no setting 'techer'. Did you mean 'teacher'"),
        ("teacher.epochs=many", "setting 'teacher.epochs' cannot be 'many'"),
        ("decide.labels=delete", "'drop', 'relabel', 'review' or 'none'"),
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
