"""docs/cli.md against the grammar of the command line."""

from __future__ import annotations

import argparse
import re

import pytest

from setpoint.cli.main import parser
from tests.docs.pages import sections


def verbs() -> dict[str, argparse.ArgumentParser]:
    """Each verb with its own parser."""
    groups = [action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(groups[0].choices)


@pytest.mark.parametrize("verb", verbs())
def test_a_verb_has_a_heading_and_every_argument_is_explained(verb: str) -> None:
    """Every verb has its section, with every option and positional in code marks."""
    words = sections("cli.md")[f"setpoint {verb}"]
    arguments = [action for action in verbs()[verb]._actions if action.dest != "help"]
    names = [action.option_strings[-1] if action.option_strings else action.dest for action in arguments]
    assert [name for name in names if f"`{name}`" not in words] == []


def test_no_verb_and_no_option_is_explained_that_does_not_exist() -> None:
    """What was removed from the command line is removed from the page."""
    told = {heading.removeprefix("setpoint ") for heading in sections("cli.md") if heading.startswith("setpoint ")}
    assert told == set(verbs())
    for verb, command in verbs().items():
        known = {option for action in command._actions for option in action.option_strings}
        assert set(re.findall(r"`(--[a-z-]+)`", sections("cli.md")[f"setpoint {verb}"])) <= known
