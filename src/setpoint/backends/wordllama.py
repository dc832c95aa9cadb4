"""WordLlama as a frozen base of texts: the mean of the vectors of a text's tokens, from weights that lie in its wheel.

Its package reaches for the network when its own loader is used, so only its two files are read, by the libraries that
they were written with. The vectors are float16, whole multiples of 2**-24 below 16 in size: as float64 they are added
without rounding, up to 2**25 tokens, so that neither order nor machine can change a bit of the mean.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from setpoint.core.errors import BaseChanged, MissingExtra, ModelCorrupt
from setpoint.core.ports import BaseVersion

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PACKAGE, EXTRA = "wordllama", "text"
WEIGHTS = "weights/l2_supercat_256.safetensors"
TOKENS = "tokenizers/l2_supercat_tokenizer_config.json"


class WordLlamaBase:
    """The TextBase port on the weights of the package `wordllama`; needs `setpoint[text]`.

    It was trained so that the first 64 or 128 of its 256 numbers stand for a text by themselves (Kusupati et al.,
    "Matryoshka representation learning", NeurIPS 2022).

    >>> base = open_wordllama()
    >>> base.sizes, base.embed(["cheap loans", ""], 64).shape
    ((64, 128, 256), (2, 64))
    """

    sizes: tuple[int, ...] = (64, 128, 256)

    def __init__(self, version: BaseVersion, vectors: np.ndarray, tokenizer: Tokenizer) -> None:
        self.version = version
        self._vectors = {size: np.ascontiguousarray(vectors[:, :size]) for size in self.sizes}
        self._tokenizer = tokenizer

    def embed(self, texts: Sequence[str], size: int) -> np.ndarray:
        """A row of `size` numbers for each text; NaN for one without a token."""
        vectors, found = self._vectors[size], np.full((len(texts), size), np.nan)
        # One text at a time: its own `encode_batch` takes every core, and must not run before a fork.
        for row, text in enumerate(texts):
            ids = self._tokenizer.encode(text, add_special_tokens=False).ids
            if ids:
                found[row] = np.add.reduce(vectors[ids], axis=0, dtype=np.float64) / len(ids)
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return (_same, (self.version,))


@cache
def open_wordllama() -> WordLlamaBase:
    """The base that is installed, opened once in a process.

    Raises MissingExtra where it is not installed, ModelCorrupt where its files are not its weights and tokens.
    """
    folder = _folder()
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtra(error.name or PACKAGE, EXTRA) from None
    try:
        weights, tokens = (folder / WEIGHTS).read_bytes(), (folder / TOKENS).read_bytes()
        vectors, tokenizer = load(weights)["embedding.weight"], Tokenizer.from_buffer(tokens)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ModelCorrupt(
            f"The base model in {folder.name} cannot be read: {error}.",
            expected="its weights and tokens, as its wheel brings them",
            hint=f"Run: pip install --force-reinstall {PACKAGE}",
        ) from error
    version = importlib.metadata.version(PACKAGE)
    return WordLlamaBase(BaseVersion(PACKAGE, version, sha256(weights + tokens).hexdigest()), vectors, tokenizer)


def _folder() -> Path:
    """Where the package is; it is not imported, since nothing of its code is used."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise MissingExtra(PACKAGE, EXTRA)
    return Path(found.submodule_search_locations[0])


def _same(version: BaseVersion) -> WordLlamaBase:
    """The base of this version, as unpickling opens it."""
    found = open_wordllama()
    if found.version != version:
        raise BaseChanged("What was sent here", PACKAGE, str(version), str(found.version))
    return found
