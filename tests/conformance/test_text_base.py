"""Base models of texts: each backend against the laws."""

from __future__ import annotations

from setpoint.backends.wordllama import open_wordllama
from setpoint.conformance.text_base import TextBaseLaws
from setpoint.core.ports import TextBase
from tests.text_bases import Letters


class TestWordLlama(TextBaseLaws):
    """WordLlama, from the weights in its wheel."""

    def opened(self) -> TextBase:
        """The one that is installed."""
        return open_wordllama()


class TestLetters(TextBaseLaws):
    """The one that tests use where they need several versions of a base."""

    def opened(self) -> TextBase:
        """Its first version."""
        return Letters()
