"""Embeddings, computed: each different text of a batch once, and its numbers the same alone and among others."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from setpoint.core.digest import digest
from setpoint.core.errors import DeclarationError
from setpoint.core.ports import TextBase
from setpoint.data.arrays import Array
from setpoint.data.language.scalars import NAN
from setpoint.declare.expr import Embedded, to_dict


class Embeddings(NamedTuple):
    """The numbers of a batch of texts: a row for each different one, the last for NULL, and the row of each text."""

    different: Array
    row: Array

    def numbers(self, place: int) -> Array:
        """One number of each text."""
        return np.asarray(self.different[self.row, place])


@lru_cache(maxsize=1 << 14)
def embedding_key(node: Embedded) -> str:
    """The digest of an embedding's definition: all numbers of one embedding share it."""
    return digest({**to_dict(node), "place": None})


def embed(node: Embedded, texts: Array) -> Embeddings:
    """The embeddings of a batch of texts, objects with None for NULL."""
    coded = pa.array(texts, pa.string()).dictionary_encode()
    known = coded.dictionary.to_pylist()
    different = np.full((len(known) + 1, node.size), np.nan)
    if known:
        different[:-1] = _model(node).embed(known, node.size)
    return Embeddings(different, coded.indices.fill_null(len(known)).to_numpy(zero_copy_only=False))


def embed_one(node: Embedded) -> Callable[..., Any]:
    """The embedding of one text as a function of it; of None, NaN in every place."""
    model, size = _model(node), node.size
    null = [NAN] * size

    def embedded(text: str | None) -> list[float]:
        if text is None:
            return null
        found: list[float] = model.embed([text], size)[0].tolist()
        return found

    return embedded


def number_at(place: int) -> Callable[..., Any]:
    """What gives one number of an embedding."""
    return itemgetter(place)


def _model(node: Embedded) -> TextBase:
    if node.model is None:
        raise DeclarationError(
            f"{node} is read before a plan has found its base model.", expected="a feature of a plan"
        )
    return node.model
