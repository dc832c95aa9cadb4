"""docs/settings.md against core/settings.py."""

from __future__ import annotations

from dataclasses import Field, fields
from typing import Any

import pytest

from setpoint.core.settings import Settings
from tests.docs.pages import sections

SETTINGS = fields(Settings)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_setting_is_documented_with_its_default(setting: Field[Any]) -> None:
    """Every setting has a heading with its environment variable, and its default stands under it."""
    words = sections("settings.md")[f"SETPOINT_{setting.name.upper()}"]
    assert f"Default: `{setting.default}`" in words or (setting.default == "" and "Default: empty" in words)


def test_the_page_has_no_other_setting() -> None:
    """A setting that was removed is removed from the page."""
    documented = {heading for heading in sections("settings.md") if heading.startswith("SETPOINT_")}
    assert documented == {f"SETPOINT_{setting.name.upper()}" for setting in SETTINGS}
