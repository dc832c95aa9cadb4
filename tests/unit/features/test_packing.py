"""Rows as bytes and back."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from setpoint.features.packing import Layout, Rows, pack, unpack

TEXTS = ["", "a", None, "x" * 1000, "é\x00\x00", "12345678", "\U0001f600" * 9]


def rows_of(size: int, *, truths: int, seed: int) -> Rows:
    """Rows with so many truths, then a number, a text, a time and a text."""
    rng = np.random.default_rng(seed)
    whole = [rng.integers(-(2**62), 2**62, size) for _ in range(4)]
    texts = [np.array([TEXTS[place] for place in rng.integers(0, len(TEXTS), size)], dtype=object) for _ in range(2)]
    numbers = np.where(rng.random(size) < 0.3, np.nan, rng.normal(size=size))
    return Rows(*whole[:3], [rng.random(size) < 0.5 for _ in range(truths)], [numbers, texts[0], whole[3], texts[1]])


@pytest.mark.parametrize("truths", [0, 1, 62, 63, 130])
@pytest.mark.parametrize("ordered", [True, False])
def test_what_is_packed_is_read_back(truths: int, ordered: bool) -> None:
    """Numbers bit for bit, texts byte for byte, NULLs, and any number of truths; two batches follow each other."""
    layout = Layout(ordered, truths, ("number", "text", "time", "text"))
    rows, orders = rows_of(40, truths=truths, seed=truths), [np.arange(40)[::-1], np.array([3, 3, 0])]
    read = unpack(layout, b"".join(pack(layout, rows, order)[0] for order in orders))
    order = np.concatenate(orders)
    assert read.at.tolist() == rows.at[order].tolist()
    assert read.known_at.tolist() == rows.known_at[order].tolist()
    if ordered:
        assert read.position.tolist() == rows.position[order].tolist()
    assert [read.truth(place).tolist() for place in range(truths)] == [truth[order].tolist() for truth in rows.truths]
    assert read.values(0).tobytes() == rows.values[0][order].tobytes()
    assert read.values(2).tolist() == rows.values[2][order].tolist()
    for place in (1, 3):
        wanted = [None if text is None else text.encode() for text in rows.values[place][order].tolist()]
        assert read.texts(place, np.arange(order.size)) == wanted
        assert read.texts(place, np.array([41, 5])) == [wanted[41], wanted[5]]


def test_where_rows_begin_is_told() -> None:
    """Bytes cut at these places are whole rows with their texts."""
    layout, rows = Layout(True, 2, ("number", "text", "time", "text")), rows_of(30, truths=2, seed=1)
    content, starts = pack(layout, rows, np.arange(30))
    cuts = [*starts.tolist(), len(content)]
    alone = [unpack(layout, content[begin:end]) for begin, end in pairwise(cuts)]
    assert [read.at.tolist() for read in alone] == [[at] for at in rows.at.tolist()]


def test_nothing_packs_to_nothing() -> None:
    """No bytes are no rows."""
    read = unpack(Layout(False, 1, ("number", "text")), b"")
    assert (read.at.size, read.truth(0).size, read.values(0).size, read.texts(1, np.zeros(0, np.int64))) == (
        0,
        0,
        0,
        [],
    )
