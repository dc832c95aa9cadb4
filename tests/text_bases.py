"""A base model for tests that need several versions of one: what share of a text each of some letters is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from setpoint.core.ports import BaseVersion

LETTERS = "etaoinsh"


@dataclass(frozen=True)
class Letters:
    """The TextBase port without weights; `release` makes another version of it, whose numbers are other ones."""

    release: int = 1
    sizes: tuple[int, ...] = (4, 8)

    @property
    def version(self) -> BaseVersion:
        """A package that is not there, by its release."""
        return BaseVersion("letters", f"{self.release}.0", f"{self.release:064x}")

    def embed(self, texts: Sequence[str], size: int) -> np.ndarray:
        """A row of shares for each text; NaN for an empty one."""
        rows = [[self.release * text.count(letter) / len(text) for letter in LETTERS[:size]] for text in texts if text]
        found = np.full((len(texts), size), np.nan)
        found[[place for place, text in enumerate(texts) if text]] = np.array(rows).reshape(-1, size)
        return found
