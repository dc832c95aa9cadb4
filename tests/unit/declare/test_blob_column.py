"""Blobs, encodings and skew of clocks as they are declared."""

from __future__ import annotations

from typing import Any

import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, WrongType
from setpoint.declare.blob_column import Blob
from setpoint.declare.source import SourceInfo, info


def test_a_source_says_which_columns_are_blobs() -> None:
    """Beside ranges and allowed values; the declaration survives being written down."""
    scans = info(
        sp.events(
            "scans", "s.parquet", at="ts", encoding="Latin-1", skew="5s",
            expect={"image": sp.blob("image/png", at_most="5MB"), "page": (1, 9)},
        )
    )  # fmt: skip
    assert scans.blobs == (("image", Blob("image/png", 5_000_000)),)
    assert (scans.expect, scans.encoding, scans.skew) == ((("page", (1.0, 9.0)),), "iso8859-1", 5_000_000)
    assert SourceInfo.from_dict(scans.to_dict()) == scans


def test_a_source_without_them_is_described_as_before() -> None:
    """Its identity stays what it was."""
    described = info(sp.events("scans", "s.parquet", at="ts")).to_dict()
    assert {"blobs", "encoding", "skew"} & set(described) == set()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoding": "latin-99"}, "has the encoding 'latin-99'"),
        ({"skew": "0s"}, "has the skew '0s'"),
    ],
)
def test_what_means_nothing_is_refused(options: dict[str, Any], message: str) -> None:
    """With the value."""
    with pytest.raises(DeclarationError, match=message):
        sp.events("scans", "s.csv", at="ts", **options)


def test_a_blob_needs_a_type_that_is_known_and_a_size() -> None:
    """Others could not be checked."""
    with pytest.raises(DeclarationError, match="media type 'image/tga'"):
        sp.blob("image/tga")
    for value in ("5 pages", "0MB", 0, True):
        with pytest.raises(WrongType, match="is no size"):
            sp.blob("image/png", at_most=value)
