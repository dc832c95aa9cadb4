"""Encoding: features as a matrix, by vocabularies frozen at training."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from setpoint.core.errors import NameUnknown, WrongType
from setpoint.learn.encode import LEVELS, Encoder, fit_encoder

KINDS = {"carrier": "text", "delay": "number", "late": "bool"}


def table(**columns: object) -> pa.Table:
    """A table of the three features; what is not given is a NULL."""
    given = {"carrier": [None], "delay": [float("nan")], "late": [float("nan")], **columns}
    return pa.table(
        {
            "carrier": pa.array(given["carrier"], pa.string()),
            "delay": pa.array(given["delay"], pa.float64()),
            "late": pa.array(given["late"], pa.float64()),
        }
    )


@pytest.fixture
def encoder() -> Encoder:
    """Fitted on five rows."""
    rows = table(
        carrier=["UA", "B6", "UA", None, "AA"], delay=[1.0, 2.0, 3.0, 4.0, 5.0], late=[0.0, 1.0, 0.0, 1.0, 0.0]
    )
    return fit_encoder(rows, KINDS)


def test_levels_are_coded_commonest_first_and_equal_ones_by_name(encoder: Encoder) -> None:
    """The order of rows does not matter to the codes."""
    assert encoder.columns[0].levels == ("UA", "AA", "B6")
    assert encoder.names == ("carrier", "delay", "late")
    assert encoder.categories == (0,)


def test_null_and_unseen_levels_are_nan(encoder: Encoder) -> None:
    """A carrier that training never saw is no error at serving."""
    found = encoder.matrix(table(carrier=["B6", "ZZ", None], delay=[1.5, None, float("nan")], late=[1.0, 0.0, None]))
    expected = np.array([[2.0, 1.5, 1.0], [np.nan, np.nan, 0.0], [np.nan, np.nan, np.nan]])
    assert np.array_equal(found, expected, equal_nan=True)
    assert found.flags.c_contiguous


def test_a_row_is_encoded_like_a_batch_of_one(encoder: Encoder) -> None:
    """The online path and the batch path give the same bits."""
    for carrier, delay in (("UA", 2.5), (None, None), ("ZZ", float("nan"))):
        batch = encoder.matrix(table(carrier=[carrier], delay=[delay], late=[1.0]))
        row = encoder.row({"carrier": carrier, "delay": delay, "late": 1.0})
        assert np.array_equal(batch, row, equal_nan=True)


def test_only_the_commonest_levels_are_kept() -> None:
    """Rare levels count as unseen, so that a column never has more codes than a byte holds."""
    names = [f"v{i:04d}" for i in range(1000)]
    encoder = fit_encoder(table(carrier=names + names[500:], delay=[0.0] * 1500, late=[0.0] * 1500), KINDS)
    assert encoder.columns[0].levels == tuple(names[500 : 500 + LEVELS])


def test_chunks_and_dictionaries_make_no_difference(encoder: Encoder) -> None:
    """A column may come in pieces or dictionary-encoded."""
    whole = table(carrier=["UA", "AA", None], delay=[1.0, 2.0, 3.0], late=[0.0, 0.0, 1.0])
    pieces = pa.concat_tables([whole.slice(0, 1), whole.slice(1)])
    coded = whole.set_column(0, "carrier", whole["carrier"].dictionary_encode())
    for other in (pieces, coded):
        assert np.array_equal(encoder.matrix(whole), encoder.matrix(other), equal_nan=True)
        assert fit_encoder(other, KINDS) == fit_encoder(whole, KINDS)


def test_an_encoder_survives_json(encoder: Encoder) -> None:
    """What comes back is equal and has the same digest."""
    back = Encoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert back == encoder
    assert back.digest == encoder.digest


def test_a_missing_feature_is_named(encoder: Encoder) -> None:
    """In a table, in a row, and when fitting."""
    with pytest.raises(NameUnknown, match="Did you mean 'delays'"):
        encoder.matrix(table().rename_columns(["carrier", "delays", "late"]))
    with pytest.raises(NameUnknown, match="late"):
        encoder.row({"carrier": "UA", "delay": 1.0})
    with pytest.raises(NameUnknown, match="speed"):
        fit_encoder(table(), {"speed": "number"})


def test_a_time_is_no_feature() -> None:
    """A kind that no model reads is refused."""
    with pytest.raises(WrongType, match="time"):
        fit_encoder(table(), {"delay": "time"})
