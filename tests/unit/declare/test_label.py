"""The label as it is declared: what it may say, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, LeakRefused
from setpoint.declare.label import Label

REFUNDS = sp.events("refunds", "refunds.parquet", id="n", at="ts", delay="1h")
DISPUTES = sp.events("disputes", "disputes.parquet", id="n", at="ts", delay="1h", retention="40d")
SECRET = sp.events("secret", "secret.parquet", id="n", at="ts")


def label(value: Any, **options: Any) -> Label:
    """A label of 30 days."""
    return sp.label(value, **{"on": "order_id", "within": "30d", **options})


@pytest.mark.parametrize(
    ("value", "options", "told"),
    [
        (sp.count(REFUNDS, by="user_id") >= 2, {}, "by another key than 'order_id'"),
        (sp.count(REFUNDS, by="order_id", last="7d") >= 2, {}, "over a window"),
        (sp.std(REFUNDS.amount, by="order_id") > 2, {}, "folds std"),
        ((sp.count(REFUNDS) >= 2) & (REFUNDS.amount > 1), {}, "beside folds of rows"),
        (sp.followed(REFUNDS, DISPUTES, within="31d"), {}, "longer than the label's own time"),
        (REFUNDS.amount > 1, {"attribute": "any"}, "attribute='any'"),
        (REFUNDS.amount > 1, {"immature": "negative"}, "immature='negative'"),
        (REFUNDS.amount > 1, {"within": {"web": "7d"}}, "by=None"),
        (REFUNDS.amount > 1, {"by": "channel"}, "by='channel'"),
        (REFUNDS.amount > 1, {"within": {}, "by": "channel"}, "within={}"),
        (REFUNDS.amount > 1, {"within": {"web": "0s"}, "by": "channel"}, "'0s'"),
    ],
)
def test_a_label_that_can_mean_nothing_is_refused(value: Any, options: dict[str, Any], told: str) -> None:
    """With what was written and what is expected."""
    with pytest.raises(DeclarationError) as refused:
        label(value, **options)
    assert told in str(refused.value)
    assert refused.value.expected


def test_a_label_waits_no_longer_than_its_sources_keep_their_rows() -> None:
    """Each of them: those that carry the truth and the one that makes it void."""
    assert label(sp.count(DISPUTES) > 0, within="40d").within
    for value, void in ((sp.count(DISPUTES) > 0, None), (REFUNDS.amount > 1, DISPUTES.amount < 0)):
        with pytest.raises(DeclarationError, match="'disputes' keeps its rows for 40d"):
            label(value, within="41d", void_when=void)


def test_every_source_that_a_label_folds_must_say_when_it_is_known() -> None:
    """Or absence could never count."""
    with pytest.raises(LeakRefused, match="'secret'"):
        label((sp.count(REFUNDS) > 0) | (sp.count(SECRET) > 0))


def test_a_feature_that_folds_for_no_key_is_refused() -> None:
    """Only a label has a key of its own."""
    orders = sp.events("orders", "orders.parquet", key="order_id", at="ts")
    for value in (sp.count(REFUNDS), sp.followed(REFUNDS, DISPUTES, within="1d")):
        with pytest.raises(DeclarationError, match="does not say whose rows it folds"):
            system(orders, features={"n": value})


def system(orders: Any, *, features: Any = None, declared: Label | None = None) -> sp.System:
    """A system around a label."""
    return sp.System(
        "shop",
        decide=sp.decide(orders, fields=["user_id", "channel"]),
        features=features or {"n": sp.count(REFUNDS, by="user_id", last="7d")},
        label=declared or label(REFUNDS.amount > 1),
        goal=sp.goal(
            sp.auc(), business="eur", act=sp.act("block", by="cost"), cost=sp.cost(false_positive=1, false_negative=2)
        ),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.field("channel") == "web")),
    )


def test_a_label_is_met_by_the_key_or_a_field_of_the_request() -> None:
    """And its time may go by one; a name that the request does not have is refused."""
    orders = sp.events("orders", "orders.parquet", key="order_id", at="ts")
    segmented = label(REFUNDS.amount > 1, on="user_id", within={"web": "7d"}, by="channel", attribute="last")
    assert system(orders, declared=segmented).label.attribute == "last"
    for wrong in (
        label(REFUNDS.amount > 1, on="customer"),
        label(sp.count(REFUNDS) > 0, within={"a": "7d"}, by="shop"),
    ):
        with pytest.raises(DeclarationError):
            system(orders, declared=wrong)


def test_a_label_reads_every_source_it_names() -> None:
    """Those that carry the truth, the first one in front, and the one that makes it void."""
    declared = label((sp.count(DISPUTES) > 0) | (sp.count(REFUNDS) > 0), void_when=REFUNDS.amount < 0)
    assert [repr(source) for source in declared.sources] == [repr(DISPUTES), repr(REFUNDS)]
    assert declared.folds
    assert not label(REFUNDS.amount > 1).folds


def test_what_is_left_as_it_is_changes_no_declaration() -> None:
    """The data of a label names only what was said."""
    plain = label(REFUNDS.amount > 1).to_dict()
    assert set(plain) == {"value", "source", "on", "within", "absent", "void_when", "censored_when"}
    said = label(
        REFUNDS.amount > 1, within={"web": "7d"}, by="channel", attribute="first", immature="weighted"
    ).to_dict()
    assert set(said) - set(plain) == {"by", "segments", "attribute", "immature"}
