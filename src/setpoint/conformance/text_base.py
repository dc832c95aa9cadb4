"""The laws of the TextBase port, as tests to inherit."""

from __future__ import annotations

import pickle  # noqa: TID251 (how work reaches other processes; nothing is stored)
import threading
from abc import abstractmethod

import numpy as np
import pytest

from setpoint.core.ports import TextBase

TEXTS = [
    "cheap loans, click here",
    "the patch fixes a bug in the kernel",
    "Grüße aus Köln",
    "東京 で 会いましょう 🍜",
    "word " * 3000,
    "\x00\t\n",
    "</s> [MASK] <pad>",
    "Cheap loans, click here",
]
"""Texts of all sorts: capitals, scripts, length, control characters, and what looks like a token of its own."""


class TextBaseLaws:
    """Inherit, say how to open one, and pytest runs every law against it."""

    @abstractmethod
    def opened(self) -> TextBase:
        """The base."""

    @pytest.fixture
    def base(self) -> TextBase:
        """The base."""
        return self.opened()

    def test_a_text_is_a_row_of_finite_numbers(self, base: TextBase) -> None:
        """Of each size that it has, fewest first."""
        assert sorted(set(base.sizes)) == list(base.sizes)
        for size in base.sizes:
            found = base.embed(TEXTS, size)
            assert (found.shape, found.dtype) == ((len(TEXTS), size), np.dtype(np.float64))
            assert np.isfinite(found).all()

    def test_a_text_has_the_same_bits_alone_and_among_others(self, base: TextBase) -> None:
        """In any order, and each time."""
        for size in base.sizes:
            whole = base.embed(TEXTS, size)
            assert base.embed(TEXTS[::-1], size)[::-1].tobytes() == whole.tobytes()
            assert b"".join(base.embed([text], size).tobytes() for text in TEXTS) == whole.tobytes()

    def test_texts_that_differ_are_told_apart(self, base: TextBase) -> None:
        """Nearly: a base that gives one row for all of them knows nothing."""
        found = base.embed(TEXTS[:5], base.sizes[0])
        assert len({row.tobytes() for row in found}) == 5

    def test_a_text_of_which_nothing_is_known_is_no_error(self, base: TextBase) -> None:
        """A row of NaN, and no rows for no texts."""
        assert np.isnan(base.embed([""], base.sizes[0])).all()
        assert base.embed([], base.sizes[0]).shape == (0, base.sizes[0])

    def test_threads_share_it(self, base: TextBase) -> None:
        """Each gets what it would get alone."""
        size = base.sizes[0]
        expected, found = base.embed(TEXTS, size).tobytes(), list[bytes]()
        threads = [threading.Thread(target=lambda: found.append(base.embed(TEXTS, size).tobytes())) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [expected] * 4

    def test_another_process_opens_the_same(self, base: TextBase) -> None:
        """Pickled it is small: the weights stay where they are."""
        sent = pickle.dumps(base)
        assert len(sent) < 1000
        again: TextBase = pickle.loads(sent)  # noqa: S301 (what was written above)
        assert again.version == base.version
        assert again.embed(TEXTS, base.sizes[0]).tobytes() == base.embed(TEXTS, base.sizes[0]).tobytes()
        assert all(base.version)
