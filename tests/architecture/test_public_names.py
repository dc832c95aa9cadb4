"""The public face: `setpoint.__all__`."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import setpoint as sp
from tests.architecture.tree import modules


def test_a_public_name_never_turns_into_a_module() -> None:
    """Importing a submodule sets an attribute of the package; none of them may clobber a public name."""
    for found in pkgutil.walk_packages(sp.__path__, "setpoint."):
        importlib.import_module(found.name)
    clobbered = {name for name in sp.__all__ if isinstance(getattr(sp, name), ModuleType)}
    assert clobbered == set()


def test_no_public_name_is_spelled_like_a_folder_or_file() -> None:
    """A name means one thing: a word of the language or a part of the layout."""
    assert set(sp.__all__) & {m.part for m in modules()} == set()


def test_every_public_name_is_there_once_and_listed_by_dir() -> None:
    """`__all__` is the list of what exists, without repetition."""
    assert len(set(sp.__all__)) == len(sp.__all__)
    assert set(sp.__all__) <= set(dir(sp))


def test_every_public_function_and_class_says_what_it_gives() -> None:
    """`help(sp.x)` has an answer for every name that can be called."""
    silent = [name for name in sp.__all__ if callable(value := getattr(sp, name)) and not value.__doc__]
    assert silent == []
