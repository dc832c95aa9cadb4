from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.core.errors import RequestInvalid
from setpoint.core.times import time
from setpoint.serve.request import read_request
from tests.unit.serve.shop import request, shop

PLAN = shop()


def test_a_request_is_read_in_the_plans_order() -> None:
    """Values keep their kind; a time becomes microseconds."""
    fields = read_request(dict(reversed(request().items())), PLAN)
    assert list(fields.items()) == [
        ("checkout_id", "c1"),
        ("user_id", "ann"),
        ("total", 20),
        ("member", True),
        ("created", time("2024-04-30T12:00:00Z")),
    ]


def test_null_says_that_a_field_is_unknown() -> None:
    """Every field but the key may be null, when it is said."""
    nothing = {"user_id": None, "total": None, "member": None, "created": None}
    assert read_request(request(**nothing), PLAN) == {"checkout_id": "c1", **nothing}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("total", "20", "a finite number or null"),
        ("total", True, "a finite number or null"),
        ("total", float("nan"), "a finite number or null"),
        ("total", float("-inf"), "a finite number or null"),
        ("total", 2**63, "a finite number or null"),
        ("total", 10**4000, "a finite number or null"),
        ("total", [10**5000], "a finite number or null"),
        ("user_id", 7, "a text or null"),
        ("user_id", b"ann", "a text or null"),
        ("user_id", "half a pair \ud800", "a text or null"),
        ("member", 1, "true, false or null"),
        ("member", "true", "true, false or null"),
        ("created", 1714478400, "a time with its zone"),
        ("created", "yesterday", "a time with its zone"),
        ("created", "2024-04-30T12:00:00", "without a zone"),
        ("created", datetime(2024, 4, 30, tzinfo=UTC).replace(tzinfo=None), "without a zone"),
        ("created", "", "a time with its zone"),
        ("created", {}, "a time with its zone"),
        ("checkout_id", None, "The key 'checkout_id' has no value"),
        ("checkout_id", "", "The key 'checkout_id' has no value"),
        ("checkout_id", 5, "a text or null"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(name: str, value: Any, words: str) -> None:
    """The error names the field and says what it may hold."""
    with pytest.raises(RequestInvalid, match=words) as raised:
        read_request(request(**{name: value}), PLAN)
    assert raised.value.field == name


def test_a_missing_field_is_refused() -> None:
    """What is not known has to be said; the hint says how."""
    body = request()
    del body["total"]
    with pytest.raises(RequestInvalid, match=r"lacks the field 'total'.*Send null") as raised:
        read_request(body, PLAN)
    assert raised.value.field == "total"


def test_a_misspelt_field_is_recognised() -> None:
    """A field under another name is missing, and the hint says which name was sent."""
    body = request(totl=3)
    del body["total"]
    with pytest.raises(RequestInvalid, match=r"lacks the field 'total'.*Was it sent as 'totl'\?"):
        read_request(body, PLAN)


def test_an_unknown_field_is_refused() -> None:
    """Nothing that the plan does not name is taken, and the closest name is suggested."""
    with pytest.raises(RequestInvalid, match="Did you mean 'total'") as raised:
        read_request(request(totals=3), PLAN)
    assert raised.value.field == "totals"


@pytest.mark.parametrize("body", [None, [], "text", 5, [("total", 1)]])
def test_what_is_no_object_is_refused(body: Any) -> None:
    """A request is an object of fields."""
    with pytest.raises(RequestInvalid, match="an object"):
        read_request(body, PLAN)


def test_values_of_numpy_and_datetime_are_taken_as_they_mean() -> None:
    """In process, a numpy number is a number and a datetime with a zone is a time."""
    zone = timezone(timedelta(hours=2))
    fields = read_request(request(total=np.float32(2.5), created=datetime(2024, 5, 1, 14, tzinfo=zone)), PLAN)
    assert (fields["total"], type(fields["total"])) == (2.5, float)
    assert fields["created"] == time(datetime(2024, 5, 1, 12, tzinfo=UTC))
    assert read_request(request(total=np.int64(3)), PLAN)["total"] == 3


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(body=anything | st.dictionaries(st.sampled_from([*request(), "other"]), anything))
def test_any_request_is_read_or_refused(body: Any) -> None:
    """Whatever is sent, the answer is the plan's fields or RequestInvalid, never another error."""
    try:
        said = str(list(read_request(body, PLAN)))
    except RequestInvalid as error:
        said = str(error)
    assert said == str(list(PLAN.fields)) or (said.isascii() and "Expected: " in said)
