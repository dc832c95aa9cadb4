"""Encoding: features as a matrix, by vocabularies frozen at training."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.errors import NameUnknown, WrongType
from setpoint.declare.expr import Call, Expr
from setpoint.declare.plan import Plan, Profile, make_plan
from setpoint.features.training_set import TrainingSet
from setpoint.learn.encode import LEVELS, Column, Encoder, encoder_of, fit_encoder
from setpoint.learn.sides import divide, encode
from tests.unit.learn.world import COLUMNS, make_examples, make_system, with_features

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


def fitted(expr: Expr) -> dict[str, Call]:
    """One feature, declared as a transform that is fitted."""
    assert isinstance(expr, Call)
    return {"x": expr}


def test_a_standardised_number_has_mean_zero_and_deviation_one() -> None:
    """By the rows it was fitted on; NULL stays NULL."""
    rows = pa.table({"x": [1.0, 2.0, None, 6.0]})
    encoder = fit_encoder(rows, {"x": "number"}, transforms=fitted(sp.standardised(sp.field("x"))))
    found = encoder.matrix(rows).ravel()
    assert np.nanmean(found) == pytest.approx(0.0, abs=1e-15)
    assert np.nanstd(found, ddof=1) == pytest.approx(1.0)
    assert np.isnan(found).tolist() == [False, False, True, False]


@pytest.mark.parametrize("values", [[None, None], [3.0, 3.0], [3.0]])
def test_a_number_without_spread_keeps_its_unit(values: list[float | None]) -> None:
    """Nothing is divided by zero."""
    rows = pa.table({"x": pa.array(values, pa.float64())})
    encoder = fit_encoder(rows, {"x": "number"}, transforms=fitted(sp.standardised(sp.field("x"))))
    assert encoder.columns[0].unit == 1.0
    assert np.nan_to_num(encoder.matrix(rows)).ravel().tolist() == [0.0] * len(values)


def test_a_vocabulary_keeps_the_commonest_and_has_a_place_for_the_rest() -> None:
    """The place counts among its levels, also when the rows name it; NULL stays NULL."""
    rows = pa.table({"x": ["a", "a", "b", "b", "c", "other", "other", "other", None]})
    encoder = fit_encoder(rows, {"x": "text"}, transforms=fitted(sp.vocabulary(sp.field("x"), most=2)))
    assert encoder.columns == (Column("x", "text", ("a", "b", "other"), unseen="other"),)
    found = encoder.matrix(pa.table({"x": ["b", "c", "new", "other", None]})).ravel()
    assert np.array_equal(found, [1.0, 2.0, 2.0, 2.0, np.nan], equal_nan=True)


def test_transforms_are_the_same_for_a_row_and_for_a_batch() -> None:
    """To the last bit."""
    numbers, texts = [0.1, 0.2, 0.7, None, 1e9], ["a", "b", "c", None, "new"]
    rows = pa.table({"x": numbers, "y": texts})
    transforms = {"x": sp.standardised(sp.field("x")), "y": sp.vocabulary(sp.field("y"), most=2)}
    encoder = fit_encoder(rows.slice(0, 4), {"x": "number", "y": "text"}, transforms=transforms)  # type: ignore[arg-type]
    batch = encoder.matrix(rows)
    for place, (number, text) in enumerate(zip(numbers, texts, strict=True)):
        assert np.array_equal(encoder.row({"x": number, "y": text})[0], batch[place], equal_nan=True)


def test_transforms_survive_json() -> None:
    """They are part of the model and of its digest."""
    rows = pa.table({"x": [1.0, 3.0], "y": ["a", "b"]})
    transforms = {"x": sp.standardised(sp.field("x")), "y": sp.vocabulary(sp.field("y"), most=1)}
    kinds = {"x": "number", "y": "text"}
    encoder = fit_encoder(rows, kinds, transforms=transforms)  # type: ignore[arg-type]
    assert Encoder.from_dict(json.loads(json.dumps(encoder.to_dict()))) == encoder
    assert encoder.digest != fit_encoder(rows, kinds).digest


def transformed_plan() -> Plan:
    """The shop, its total standardised and its country told by a vocabulary."""
    base = make_system()
    features = {feature.name: feature.expr for feature in base.features}
    features |= {"total": sp.standardised(features["total"]), "country": sp.vocabulary(features["country"], most=3)}
    system = sp.System(
        "shop", decide=base.decide, features=features, label=base.label, goal=base.goal, release=base.release
    )
    return make_plan(system, COLUMNS, Profile(dict.fromkeys(COLUMNS, 1000), 100.0))


def changed(examples: TrainingSet, rows: np.ndarray) -> TrainingSet:
    """The examples with other totals and countries in some rows."""
    total = examples.features["total"].to_numpy().copy()
    country = np.array(examples.features["country"].to_pylist(), dtype=object)
    total[rows], country[rows] = 1e6, "zz"
    return with_features(examples, {"total": total, "country": pa.array(country, pa.string())})


def test_only_the_training_side_moves_what_is_fitted() -> None:
    """Changing every held-out and validation row changes nothing; changing the training rows does."""
    plan, examples = transformed_plan(), make_examples()
    sides = divide(plan, examples)
    before = encode(plan, sides).encoder
    later = np.concatenate([sides.index[sides.split.validation], sides.index[sides.split.held_out]])
    assert encode(plan, divide(plan, changed(examples, later))).encoder == before
    assert encode(plan, divide(plan, changed(examples, sides.index[sides.split.train]))).encoder != before
    assert before == encoder_of(plan, sides.train.features)
    assert [column.name for column in before.columns if column.scaled or column.unseen] == ["country", "total"]
