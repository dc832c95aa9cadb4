from __future__ import annotations

from pathlib import Path

import pytest

from setpoint.core.errors import NameUnknown, SettingInvalid
from setpoint.core.settings import Settings, load_settings


def test_arguments_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    """Each place can override the one below it."""
    file = tmp_path / "setpoint.toml"
    file.write_text('home = "from-file"\nseed = 1\nport = 1\n')
    settings = load_settings(file=file, environment={"SETPOINT_SEED": "2", "SETPOINT_PORT": "2"}, port=3)
    assert settings == Settings(home="from-file", seed=2, port=3)


def test_an_unknown_setting_names_the_close_one(tmp_path: Path) -> None:
    """A misspelt setting is refused, not ignored."""
    file = tmp_path / "setpoint.toml"
    file.write_text("sede = 1\n")
    with pytest.raises(NameUnknown, match="Did you mean 'seed'"):
        load_settings(file=file, environment={})


def test_a_setting_of_the_wrong_kind_names_its_origin() -> None:
    """The message says where the bad value came from."""
    with pytest.raises(SettingInvalid, match="SETPOINT_PORT"):
        load_settings(environment={"SETPOINT_PORT": "eighty"})
