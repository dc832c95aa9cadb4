"""The evaluator of expressions: what each operation gives, and that one value and many are computed alike."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, NameUnknown, WrongType
from setpoint.core.times import DAY, HOUR, MINUTE, time
from setpoint.data.arrays import NULL_TIME
from setpoint.data.language.evaluate import Inputs, aggregate_key, evaluate, is_true
from setpoint.declare.expr import Call, Expr, Literal

NAN = math.nan
fa, fb, fs, ft, fu = (sp.field(name) for name in "abstu")


def numbers(*values: float | None) -> np.ndarray:
    """Numbers, None for NULL."""
    return np.array([NAN if value is None else value for value in values], dtype=np.float64)


def texts(*values: str | None) -> np.ndarray:
    """Texts, None for NULL."""
    return np.array(values, dtype=object)


def moments(*values: int | str | None) -> np.ndarray:
    """Times, None for NULL."""
    return np.array([NULL_TIME if value is None else time(value) for value in values], dtype=np.int64)


def value(expr: Expr, **fields: np.ndarray) -> list[Any]:
    """The values of an expression over fields, NaN as None."""
    size = next(iter(fields.values())).size if fields else 1
    found = evaluate(expr, Inputs(size, fields=fields))
    assert found.shape == (size,)
    return [None if isinstance(item, float) and math.isnan(item) else item for item in found.tolist()]


ARITHMETIC: list[tuple[Callable[[Expr, Expr], Expr], float | None, float | None, float | None]] = [
    (lambda a, b: a + b, 0.1, 0.2, 0.1 + 0.2),
    (lambda a, b: a - b, 1, 3, -2.0),
    (lambda a, b: a * b, 3, 0.5, 1.5),
    (lambda a, b: a / b, 1, 3, 1 / 3),
    (lambda a, b: a / b, 1, 0, None),
    (lambda a, b: a / b, 0, 0, None),
    (lambda a, b: a / b, -1, 0, None),
    (lambda a, b: a * b, 1e200, 1e200, None),
    (lambda a, b: a - b, -1e308, 1e308, None),
    (lambda a, b: a + b, None, 1, None),
    (lambda a, b: a * b, 0, None, None),
    (lambda a, b: -a + 0 * b, 5, 1, -5.0),
]


@pytest.mark.parametrize(("build", "left", "right", "expected"), ARITHMETIC)
def test_arithmetic_passes_null_on_and_has_no_infinity(
    build: Callable[[Expr, Expr], Expr], left: float | None, right: float | None, expected: float | None
) -> None:
    """What has no finite value, such as a division by zero, is NULL."""
    assert value(build(fa, fb), a=numbers(left), b=numbers(right)) == [expected]


@pytest.mark.parametrize(
    ("build", "truths"),
    [
        (lambda a, b: a < b, [1, 0, 0]),
        (lambda a, b: a <= b, [1, 1, 0]),
        (lambda a, b: a > b, [0, 0, 1]),
        (lambda a, b: a >= b, [0, 1, 1]),
        (lambda a, b: a == b, [0, 1, 0]),
        (lambda a, b: a != b, [1, 0, 1]),
    ],
)
def test_a_comparison_with_null_is_null(build: Callable[[Expr, Expr], Expr], truths: list[float]) -> None:
    """Numbers and times compare by size; NULL equals nothing, not even NULL."""
    expected = [*truths, None, None, None]
    assert value(build(fa, fb), a=numbers(1, 2, 3, None, 1, None), b=numbers(2, 2, 2, 2, None, None)) == expected
    assert value(build(ft, fu), t=moments(1, 2, 3, None, 1, None), u=moments(2, 2, 2, 2, None, None)) == expected


def test_texts_are_equal_or_not() -> None:
    """Texts compare whole, and a NULL text gives NULL."""
    s = texts("a", "b", None, "")
    assert value(fs == "a", s=s) == [1.0, 0.0, None, 0.0]
    assert value(fs != "a", s=s) == [0.0, 1.0, None, 1.0]
    assert value(fs == sp.field("r"), s=s, r=texts("a", None, None, "")) == [1.0, None, None, 1.0]


KLEENE = (1.0, 0.0, None)


@pytest.mark.parametrize(("left", "right"), list(itertools.product(KLEENE, KLEENE)))
def test_logic_has_three_values(left: float | None, right: float | None) -> None:
    """NULL is what may be either: false & NULL is false, true | NULL is true, all else with NULL is NULL."""

    def either(combine: Callable[[bool, bool], bool]) -> float | None:
        lefts = (True, False) if left is None else (bool(left),)
        rights = (True, False) if right is None else (bool(right),)
        results = {combine(one, other) for one in lefts for other in rights}
        return float(results.pop()) if len(results) == 1 else None

    a, b = numbers(left), numbers(right)
    assert value(fa & fb, a=a, b=b) == [either(lambda one, other: one and other)]
    assert value(fa | fb, a=a, b=b) == [either(lambda one, other: one or other)]
    assert value(~fa, a=a) == [None if left is None else 1.0 - left]


def test_a_condition_holds_only_where_it_is_true() -> None:
    """NULL does not hold."""
    assert is_true(numbers(1, 0, None)).tolist() == [True, False, False]


def test_null_can_be_found_and_filled() -> None:
    """is_null is never NULL; fill takes the other value only where there is none."""
    assert value(fa.is_null(), a=numbers(1, None)) == [0.0, 1.0]
    assert value(fs.is_null(), s=texts("", None)) == [0.0, 1.0]
    assert value(ft.is_null(), t=moments(0, None)) == [0.0, 1.0]
    assert value(fa.fill(7), a=numbers(1, None)) == [1.0, 7.0]
    assert value(fa.fill(fb), a=numbers(1, None, None), b=numbers(8, 9, None)) == [1.0, 9.0, None]
    assert value(fs.fill("?"), s=texts("a", None)) == ["a", "?"]
    assert value(ft.fill(fu), t=moments(5, None), u=moments(6, 7)) == [5, 7]


@pytest.mark.parametrize("size", [1, 3, 63, 64, 1000])
def test_being_one_of_many_is_the_same_for_every_length(size: int) -> None:
    """Membership gives true, false or NULL for texts and numbers, one value or a thousand."""
    s = texts(*itertools.islice(itertools.cycle(["a", "b", None, ""]), size))
    expected = [None if one is None else float(one in ("a", "")) for one in s]
    assert value(fs.isin(["a", ""]), s=s) == expected
    a = numbers(*itertools.islice(itertools.cycle([1, 2.5, None, 0]), size))
    expected = [None if math.isnan(one) else float(one in {2.5, 0.0}) for one in a]
    assert value(fa.isin([2.5, 0]), a=a) == expected


@pytest.mark.parametrize("size", [1, 100])
def test_isin_of_expressions_is_the_or_of_comparisons(size: int) -> None:
    """A NULL among the values leaves open what is not found."""
    a, b = numbers(*[1.0] * size), numbers(*[None] * size)
    assert value(Call("isin", (fa, fb, Literal(1.0))), a=a, b=b) == [1.0] * size
    assert value(Call("isin", (fa, fb, Literal(2.0))), a=a, b=b) == [None] * size
    assert value(fa.isin([]), a=a) == [0.0] * size


def test_between_includes_both_ends() -> None:
    """And NULL is between nothing."""
    assert value(fa.between(1, 3), a=numbers(0, 1, 3, 4, None)) == [0.0, 1.0, 1.0, 0.0, None]


def test_a_time_minus_a_time_is_seconds() -> None:
    """Exact to the microsecond, either sign; NULL with NULL."""
    t, u = moments("2013-01-01T00:00:01.5Z", 0, None, 5), moments("2013-01-01", 90_000_000, 5, None)
    assert value(ft - fu, t=t, u=u) == [1.5, -90.0, None, None]


def test_a_time_moves_by_a_duration() -> None:
    """Plus and minus, in both orders; NULL stays where it is."""
    t = moments(HOUR, None)
    assert value(ft + "2h", t=t) == [3 * HOUR, NULL_TIME]
    assert value("2h" + ft, t=t) == [3 * HOUR, NULL_TIME]
    assert value(ft - "2h", t=t) == [-HOUR, NULL_TIME]
    assert value((ft + "1d") - ft, t=t) == [86400.0, None]
    assert value(ft > datetime(1970, 1, 1, tzinfo=UTC), t=t) == [1.0, None]


ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Monrovia", "Pacific/Apia")


@pytest.mark.parametrize("zone", ZONES)
def test_clocks_show_what_the_zone_says(zone: str) -> None:
    """Hour and weekday agree with the calendar around every change of clocks, also within an hour."""
    rng = np.random.default_rng(7)
    base = [time(day) for day in ("2013-03-10", "2013-11-03", "2013-04-06", "2013-10-05", "2011-12-30", "1972-01-07")]
    t = np.concatenate(
        [moment + rng.integers(-DAY, 2 * DAY, 40) for moment in base]
        + [rng.integers(time("0003-01-01"), time("9997-01-01"), 200)]
    )
    shown = [(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(m))).astimezone(ZoneInfo(zone)) for m in t]
    assert value(ft.hour(zone=zone), t=t) == [(60 * clock.hour + clock.minute) / 60 for clock in shown]
    assert value(ft.weekday(zone=zone), t=t) == [float(clock.weekday()) for clock in shown]


def test_clocks_change_within_an_hour_on_lord_howe() -> None:
    """Half an hour is added at half past fifteen UTC: both sides of that instant are told right."""
    change = time("2013-10-05T15:30:00Z")
    t = moments(change - 1, change, change + MINUTE)
    assert value(ft.hour(zone="Australia/Lord_Howe"), t=t) == [1 + 59 / 60, 2.5, 2 + 31 / 60]
    assert [value(ft.hour(zone="Australia/Lord_Howe"), t=t[i : i + 1])[0] for i in range(3)] == [
        1 + 59 / 60,
        2.5,
        2 + 31 / 60,
    ]


def test_clocks_of_no_time_are_null() -> None:
    """NULL among times, alone, and together with the ends of the calendar."""
    far = moments("0002-06-01T00:00:00Z", None, "9997-06-01T00:00:00Z", "2013-01-01")
    for zone in ("UTC", "America/New_York"):
        assert value(ft.hour(zone=zone), t=moments(None)) == [None]
        assert value(ft.weekday(zone=zone), t=moments(None, None)) == [None, None]
        assert value(ft.hour(zone=zone), t=far)[1] is None
        assert value(ft.weekday(zone=zone), t=far)[3] in (0.0, 1.0)


def test_an_unknown_zone_is_refused_with_a_suggestion() -> None:
    """The error names the zone."""
    with pytest.raises(DeclarationError, match=r"no time zone 'America/New York'.*Did you mean 'America/New_York'"):
        value(ft.hour(zone="America/New York"), t=moments(0))


def test_log1p_and_abs() -> None:
    """log1p is the C library's, NULL from -1 down; abs keeps NULL."""
    a = numbers(0, 1, -0.5, -1, -2, None, 1e300)
    assert value(sp.log1p(fa), a=a) == [0.0, math.log1p(1), math.log1p(-0.5), None, None, None, math.log1p(1e300)]
    assert value(sp.absolute(fa), a=numbers(-1.5, 2, None)) == [1.5, 2.0, None]


def test_a_constant_is_as_long_as_the_rest() -> None:
    """Also over no rows at all, and over one."""
    for size in (0, 1, 5):
        a = numbers(*[1.0] * size)
        assert evaluate(Literal(3), Inputs(size)).tolist() == [3.0] * size
        assert evaluate(fa + 1, Inputs(size, fields={"a": a})).tolist() == [2.0] * size
        assert evaluate(Literal("x"), Inputs(size)).tolist() == ["x"] * size


def test_a_constant_keeps_the_sign_of_its_zero() -> None:
    """Whichever of the two was computed first."""
    found = [evaluate(Literal(zero), Inputs(1))[0] for zero in (0.0, -0.0, 0.0)]
    assert [math.copysign(1, zero) for zero in found] == [1, -1, 1]


def test_columns_features_aggregates_now_and_action_are_read() -> None:
    """Each from its own place; equal aggregates share one value."""
    sales = sp.events("sales", "sales.parquet", at="ts", delay="0s")
    inputs = Inputs(
        1,
        columns={("sales", "price"): numbers(2)},
        features={"ratio": numbers(3)},
        aggregates={aggregate_key(sp.count(sales, by="user", last="1d")): numbers(4)},
        now=moments(60_000_000),
        action=texts("block"),
    )
    assert evaluate(sales.price * sp.feature("ratio"), inputs).tolist() == [6.0]
    assert evaluate(sp.count(sales, by="user", last="1d") + 0, inputs).tolist() == [4.0]
    assert evaluate(sp.now - datetime(1970, 1, 1, tzinfo=UTC), inputs).tolist() == [60.0]
    assert evaluate(sp.action == "block", inputs).tolist() == [1.0]


class Strange(Expr):
    """A node that nobody defined."""

    def __str__(self) -> str:
        return "strange"


SALES = sp.events("sales", "sales.parquet", at="ts", delay="0s")


@pytest.mark.parametrize(
    ("expr", "error", "words"),
    [
        (sp.field("prize"), NameUnknown, "no request field 'prize'.*Did you mean 'price'"),
        (SALES.prize, NameUnknown, "no column 'sales.prize'.*Did you mean 'sales.price'"),
        (sp.feature("x"), NameUnknown, "no feature 'x'"),
        (sp.count(SALES, by="user"), DeclarationError, "was not folded"),
        (sp.now, DeclarationError, "no decision is taken"),
        (sp.action, DeclarationError, "no action is known"),
        (Call("lgo1p", (Literal(1.0),)), DeclarationError, "no function 'lgo1p'.*Did you mean 'log1p'"),
        (Strange(), WrongType, "is not an expression"),
    ],
)
def test_what_is_not_at_hand_is_named(expr: Expr, error: type[Exception], words: str) -> None:
    """A missing input is an error with the names there are, never a guess."""
    inputs = Inputs(1, fields={"price": numbers(1)}, columns={("sales", "price"): numbers(1)})
    with (
        pytest.raises(error, match=words)
        if not isinstance(expr, Expr) or type(expr) is not Expr
        else pytest.raises(error)
    ):
        evaluate(expr, inputs)


def test_inputs_are_not_written() -> None:
    """Evaluating leaves every input as it was, even one that cannot be written."""
    a, t = numbers(1, None, 0), moments(1, None, 3)
    for array in (a, t):
        array.flags.writeable = False
    for expr in (
        fa / 0,
        fa & fa,
        fa.fill(1),
        ft.hour(zone="Asia/Kolkata"),
        ft - ft,
        ft + "1d",
        sp.log1p(fa),
        sp.absolute(fa),
    ):
        evaluate(expr, Inputs(3, fields={"a": a, "t": t}))


def bits(values: np.ndarray) -> list[Any]:
    """The values bit for bit."""
    return values.tolist() if values.dtype == object else values.view(np.int64).tolist()


def test_one_value_and_many_have_the_same_bits() -> None:
    """Whatever the length of the arrays, and wherever in them a value lies."""
    rng = np.random.default_rng(3)
    size = 700
    a, b = rng.normal(size=size) * 10.0 ** rng.integers(-9, 9, size), rng.normal(size=size)
    a[rng.random(size) < 0.1], b[rng.random(size) < 0.1] = NAN, 0.0
    t = rng.integers(0, 2 * 10**15, size)
    t[rng.random(size) < 0.1] = NULL_TIME
    s = rng.choice(np.array(["a", "b", None], dtype=object), size)
    fields = {"a": a, "b": b, "t": t, "s": s}
    exprs: Sequence[Expr] = (
        (fa + fb) * fa / fb - 1,
        sp.log1p(fa * fa) / 3,
        sp.absolute(fa) + ft.hour(zone="America/New_York") / 7,
        ft.weekday(zone="Asia/Kolkata") * fb,
        ((fa > fb) & (fs == "a")) | ~(ft > datetime(2000, 1, 1, tzinfo=UTC)),
        (ft - datetime(2013, 1, 1, tzinfo=UTC)) / 3600,
        fs.isin(["a", "c"]).fill(0) + fa.fill(fb),
        fs.fill("z"),
    )
    for expr in exprs:
        whole = evaluate(expr, Inputs(size, fields=fields))
        for width in (1, 2, 3, 7, 64):
            parts = [
                evaluate(expr, Inputs(min(width, size - i), fields={k: v[i : i + width] for k, v in fields.items()}))
                for i in range(0, size, width)
            ]
            assert bits(np.concatenate(parts)) == bits(whole), str(expr)
