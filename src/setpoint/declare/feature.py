"""Aggregates over windows: what a feature can fold out of an event source.

Each takes `by=` (what it is kept for), `last=` (one window, several at once, calendar units, or none for all time),
`hop=` (the step of the window's far edge) and `where=` (which rows count). NULL is skipped.
"""

from __future__ import annotations

from datetime import timedelta

from setpoint.core.errors import DeclarationError, WrongType
from setpoint.declare.expr import (
    DEFAULT_CAPS,
    Aggregate,
    Binary,
    Call,
    Column,
    Expr,
    Family,
    Literal,
    Neighbours,
    Now,
    Operand,
    as_expr,
    walk,
)
from setpoint.declare.fold import By, Hop, aggregate, checked_cap, checked_decimals, each, fold, titled
from setpoint.declare.source import EVENTS, TABLE, Source, info
from setpoint.declare.window import EXACT, Calendar, Last, Span, Window, duration_of, window

KINDS = (
    "count", "sum", "mean", "var", "std", "min", "max", "first", "last", "latest", "distinct", "top", "quantile",
)  # fmt: skip
"""Every kind of an aggregate."""

FOLDS = ("count", "sum", "mean", "min", "max")
"""How the values of neighbours are brought together."""


def count(
    what: Source | Expr, *, by: By = None, last: Last = None, where: Expr | None = None, hop: Hop = None
) -> Aggregate | Family:
    """How many rows the key had in the window before the decision, of a column those with a value; 0 when none.

    >>> from setpoint.declare.source import events
    >>> purchases = events("purchases", "p.parquet", at="ts", delay="0s")
    >>> count(purchases, by="user_id", last="3d")
    count(purchases, by=[user_id], last='3d')
    >>> count(purchases, by="user_id", last=["1h", "1d"])["1d"]
    count(purchases, by=[user_id], last='1d')
    """
    return fold("count", what, by=by, last=last, hop=hop, where=where)


def sum(
    column: Expr,
    *,
    by: By = None,
    last: Last = None,
    where: Expr | None = None,
    hop: Hop = None,
    decimals: int | None = None,
) -> Aggregate | Family:
    """The exact sum of a column in the window, its values taken to `decimals` places; 0 when there is no row.

    Without `decimals` the plan takes the fewest with which every value it has seen is exact.

    >>> from setpoint.declare.source import events
    >>> purchases = events("purchases", "p.parquet", at="ts", delay="0s")
    >>> sum(purchases.price, by="user_id", last="30d", where=purchases.price > 0)
    sum(purchases.price, by=[user_id], last='30d', where=(purchases.price > 0))
    """
    return fold("sum", column, by=by, last=last, hop=hop, where=where, decimals=decimals)


def mean(
    column: Expr,
    *,
    by: By = None,
    last: Last = None,
    where: Expr | None = None,
    hop: Hop = None,
    decimals: int | None = None,
) -> Aggregate | Family:
    """The mean of a column in the window; of a comparison, the share of rows it holds for; NULL when there is no row.

    >>> from setpoint.declare.source import events
    >>> arrivals = events("arrivals", "a.parquet", at="landed_at", delay="0s")
    >>> mean(arrivals.delay > 15, by=["origin", "dest"], last="1d")
    mean((arrivals.delay > 15), by=[origin, dest], last='1d')
    """
    return fold("mean", column, by=by, last=last, hop=hop, where=where, decimals=decimals)


def var(
    column: Expr,
    *,
    by: By,
    last: Last = None,
    where: Expr | None = None,
    hop: Hop = None,
    decimals: int | None = None,
) -> Aggregate | Family:
    """The sample variance of a column in the window, from exact sums of its squares; NULL under two rows.

    >>> from setpoint.declare.source import events
    >>> var(events("p", "p.parquet", at="ts", delay="0s").price, by="user_id", last="30d", decimals=2)
    var(p.price, by=[user_id], last='30d')
    """
    return fold("var", column, by=by, last=last, hop=hop, where=where, decimals=decimals)


def std(
    column: Expr,
    *,
    by: By,
    last: Last = None,
    where: Expr | None = None,
    hop: Hop = None,
    decimals: int | None = None,
) -> Aggregate | Family:
    """The sample standard deviation of a column in the window, the root of its `var`; NULL under two rows.

    >>> from setpoint.declare.source import events
    >>> std(events("p", "p.parquet", at="ts", delay="0s").price, by="user_id", last="30d", hop="exact")
    std(p.price, by=[user_id], last='30d', hop='exact')
    """
    return fold("std", column, by=by, last=last, hop=hop, where=where, decimals=decimals)


def min(
    column: Expr, *, by: By = None, last: Last = None, where: Expr | None = None, hop: Hop = None
) -> Aggregate | Family:
    """The smallest value of a column in the window, a number or a time; NULL when there is no row.

    >>> from setpoint.declare.source import events
    >>> min(events("p", "p.parquet", at="ts", delay="0s").price, by="user_id", last="30d")
    min(p.price, by=[user_id], last='30d')
    """
    return fold("min", column, by=by, last=last, hop=hop, where=where)


def max(
    column: Expr, *, by: By = None, last: Last = None, where: Expr | None = None, hop: Hop = None
) -> Aggregate | Family:
    """The greatest value of a column in the window, a number or a time; NULL when there is no row.

    >>> from setpoint.declare.source import events
    >>> max(events("p", "p.parquet", at="ts", delay="0s").price, by="user_id")
    max(p.price, by=[user_id])
    """
    return fold("max", column, by=by, last=last, hop=hop, where=where)


def first(
    column: Expr, *, by: By = None, last: Last = None, where: Expr | None = None, hop: Hop = None
) -> Aggregate | Family:
    """The oldest value of a column in the window, by the order (at, known_at, id); NULL when none is in it.

    >>> from setpoint.declare.source import events
    >>> first(events("visits", "v.parquet", at="ts", delay="0s").campaign, by="user_id")
    first(visits.campaign, by=[user_id])
    """
    return fold("first", column, by=by, last=last, hop=hop, where=where)


def last(
    column: Expr, *, by: By = None, last: Last = None, where: Expr | None = None, hop: Hop = None
) -> Aggregate | Family:
    """The newest value of a column in the window, by the order (at, known_at, id); NULL when none is in it.

    >>> from setpoint.declare.source import events
    >>> last(events("visits", "v.parquet", at="ts", delay="0s").page, by="user_id", last="1d")
    last(visits.page, by=[user_id], last='1d')
    """
    return fold("last", column, by=by, last=last, hop=hop, where=where)


def latest(
    column: Expr, *, by: By | None = None, ttl: str | timedelta | None = None, where: Expr | None = None
) -> Aggregate:
    """The value in the newest row, be it NULL or not, unless the row is older than `ttl`.

    A row exactly `ttl` old still counts. Of a table, `by=` reads it by another key than the request fields named as
    its own, and `ttl` is the table's unless it is given.

    >>> from setpoint.declare.source import always, events, table
    >>> latest(events("logins", "l.parquet", at="ts", delay="0s").country, by="user_id", ttl="90d")
    latest(logins.country, by=[user_id], ttl='90d')
    >>> shops = table("shops", "shops.parquet", key="shop_id", valid_from="since")
    >>> owners = table("owners", "owners.parquet", key="owner_id", valid_from=always)
    >>> latest(owners.country, by={shops.owner: "owner_id"})
    latest(owners.country, by=[shops.owner=owner_id])
    """
    title = f"latest({column})"
    sources = {id(node.source): info(node.source) for node in walk(as_expr(column)) if isinstance(node, Column)}
    declared = next(iter(sources.values())) if len(sources) == 1 else None
    if by is None:
        if declared is None or declared.kind != TABLE:
            raise DeclarationError(
                f"{title} has no by=.", expected='the key whose newest row is meant, as by="user_id"'
            )
        by = declared.keys
    if ttl is None:
        length = declared.ttl or 0 if declared is not None else 0
    else:
        length = duration_of(f"{title} has ttl={ttl!r}", ttl)
        if length <= 0:
            raise DeclarationError(f"{title} has ttl={ttl!r}.", expected="a positive duration")
    found = aggregate("latest", column, by=by, stretch=Window(length, EXACT), where=where)
    keys, wanted = [name for _, name in found.by], info(found.source).keys
    if info(found.source).kind == TABLE and sorted(keys) != sorted(wanted):
        raise DeclarationError(
            f"{title} reads the table {info(found.source).name!r} by {keys}.",
            expected=f"its key, {', '.join(wanted)}",
            hint=f'Write by={{"request field": "{wanted[0]}"}}, or an expression in place of the field.',
        )
    return found


def distinct(
    column: Expr,
    *,
    by: By = None,
    last: Last = None,
    where: Expr | None = None,
    hop: Hop = None,
    cap: int = DEFAULT_CAPS["distinct"],
) -> Aggregate | Family:
    """How many different values a column had in the window: exact up to `cap`, above it an estimate; 0 when no row.

    The estimate is that of the `cap` smallest hashes (Beyer et al., "On synopses for distinct-value estimation under
    multiset operations", SIGMOD 2007), off by about 1/sqrt(cap); no order of the rows can change it.

    >>> from setpoint.declare.source import events
    >>> distinct(events("p", "p.parquet", at="ts", delay="0s").shop, by="user_id", last="7d", cap=100)
    distinct(p.shop, by=[user_id], last='7d', cap=100)
    """
    cap = checked_cap(f"distinct({column})", cap)
    return fold("distinct", column, by=by, last=last, hop=hop, where=where, cap=cap)


def top(
    column: Expr,
    *,
    by: By,
    rank: int = 1,
    last: Last = None,
    where: Expr | None = None,
    hop: Hop = None,
    cap: int = DEFAULT_CAPS["top"],
) -> Aggregate | Family:
    """The most frequent value of a column in the window, or the `rank`-th most frequent.

    Of values that are equally frequent the smaller comes first, of texts the one with the smaller hash. NULL when
    there are fewer than `rank` different values, or more than `cap`.

    >>> from setpoint.declare.source import events
    >>> top(events("p", "p.parquet", at="ts", delay="0s").shop, by="user_id", rank=2, last="30d")
    top(p.shop, rank=2, by=[user_id], last='30d')
    """
    title = f"top({column})"
    cap = checked_cap(title, cap)
    if isinstance(rank, bool) or not isinstance(rank, int) or not 1 <= rank <= cap:
        raise DeclarationError(
            f"{title} has rank={rank!r}.", expected=f"a whole number from 1, the most frequent, to cap={cap}"
        )
    return fold("top", column, by=by, last=last, hop=hop, where=where, parameter=float(rank), cap=cap)


def quantile(
    column: Expr, *, q: float, by: By, last: Last = None, where: Expr | None = None, hop: Hop = None
) -> Aggregate | Family:
    """The value in the window that a share `q` of the rows do not exceed, to 8 significant bits; NULL when no row.

    It is the value of rank ceil(q * n) rounded towards zero to the edge of its bucket in a log-linear histogram, so it
    is less than 1/128 off (as in Masson, Rim and Lee, "DDSketch", VLDB 2019); no order of the rows can change it.

    >>> from setpoint.declare.source import events
    >>> quantile(events("p", "p.parquet", at="ts", delay="0s").price, q=0.5, by="user_id", last="30d")
    quantile(p.price, q=0.5, by=[user_id], last='30d')
    """
    if isinstance(q, bool) or not isinstance(q, (int, float)) or not 0 < q <= 1:
        raise DeclarationError(
            f"quantile({column}) has q={q!r}.", expected="more than 0 and at most 1; 0.5 is the median, 1 the greatest"
        )
    return fold("quantile", column, by=by, last=last, hop=hop, where=where, parameter=float(q))


def rate(
    what: Source | Expr,
    *,
    by: By,
    last: Last,
    per: str | timedelta = "1h",
    where: Expr | None = None,
    hop: Hop = None,
) -> Expr:
    """How many rows there were for each `per` of the window: their count over the window's length.

    >>> from setpoint.declare.source import events
    >>> rate(events("p", "p.parquet", at="ts", delay="0s"), by="user_id", last="7d", per="1d")
    (count(p, by=[user_id], last='7d') / 7.0)
    """
    unit = duration_of(f"{titled('rate', what)} has per={per!r}", per)
    if unit <= 0:
        raise DeclarationError(f"{titled('rate', what)} has per={per!r}.", expected="a positive duration")

    def one(span: Span) -> Expr:
        if span is None or isinstance(span, Calendar):
            raise DeclarationError(
                f"{titled('rate', what)} has the window last={span}.",
                expected='a window of one length, such as last="7d"',
                hint="Divide sp.count(...) by what you mean.",
            )
        counted = count(what, by=by, last=span, where=where, hop=hop)
        return Binary("/", counted, Literal(window(span, hop, what=titled("rate", what)).last / unit))

    return each(last, one, what=titled("rate", what))


def since(source: Source, *, by: By, last: Last = None, where: Expr | None = None, hop: Hop = None) -> Expr:
    """How many seconds ago the newest row happened; NULL when none is in the window.

    >>> from setpoint.declare.source import events
    >>> since(events("p", "p.parquet", at="ts", delay="0s"), by="user_id")
    (now - last(p.ts, by=[user_id]))
    """
    if not isinstance(source, Source) or info(source).kind != EVENTS:
        raise WrongType(f"since({source}) is of no event source.", expected="an event source, such as purchases")
    moment = Column(source, info(source).at or "")

    def one(span: Span) -> Expr:
        return Binary("-", Now(), fold("last", moment, by=by, last=span, hop=hop, where=where))

    return each(last, one, what=titled("since", source))


def neighbours(
    column: Expr,
    *,
    by: By,
    of: Expr,
    fold: str = "mean",
    last: Span = None,
    where: Expr | None = None,
    hop: Hop = None,
    cap: int = DEFAULT_CAPS["neighbours"],
    decimals: int = 6,
) -> Neighbours:
    """What the neighbours of a key are like: `of`, an aggregate by one key, folded over those that edge rows name.

    The rows of `column`'s source that the decision sees for its key in the window are edges, and each different value
    of `column` among them is a neighbour, NULL none. Of more than `cap` neighbours a fixed sample counts: the `cap`
    whose 64-bit hashes are smallest, whenever their edges came. The value of a neighbour is that of `of` for it, seen
    by the same decision at the same time; neighbours without a value (NULL) are left out. `fold` then gives their
    count, their exact sum with each value taken to `decimals` places, their mean from that sum, their min or their
    max. Without a neighbour that has a value, count and sum are 0 and the others NULL.

    The sample is the sketch of k minimum values (Beyer and others, "On synopses for distinct-value estimation under
    multiset operations", 2007), which is one of the neighbours without regard to how often or when each is named.

    >>> from setpoint.declare.source import events
    >>> friends = events("friends", "f.parquet", at="since", delay="0s")
    >>> purchases = events("purchases", "p.parquet", at="ts", delay="0s")
    >>> spent = sum(purchases.price, by="user_id", last="30d")
    >>> neighbours(friends.friend_id, by="user_id", of=spent, fold="max")
    neighbours(friends.friend_id, by=[user_id], fold='max', of=sum(purchases.price, by=[user_id], last='30d'))
    """
    title = f"neighbours({column})"
    if fold not in FOLDS:
        raise DeclarationError(f"{title} has fold={fold!r}.", expected=f"one of {', '.join(FOLDS)}")
    if not isinstance(of, Aggregate) or len(of.by) != 1 or of.keys:
        raise DeclarationError(
            f"{title} folds of={of}.",
            expected='an aggregate by one key, which each neighbour is, such as sp.sum(..., by="user_id")',
        )
    decimals = checked_decimals(title, decimals)
    stretch = window(last, hop, what=title)
    cap = checked_cap(title, cap)
    edges = aggregate("neighbours", column, by=by, stretch=stretch, where=where, cap=cap)
    return Neighbours(edges, fold, of, decimals)


def log1p(value: Operand) -> Expr:
    """The natural logarithm of one plus the value.

    >>> from setpoint.declare.expr import field
    >>> log1p(field("total"))
    log1p(field('total'))
    """
    return Call("log1p", (as_expr(value),))


def absolute(value: Operand) -> Expr:
    """The value without its sign.

    >>> from setpoint.declare.expr import field
    >>> absolute(field("balance"))
    abs(field('balance'))
    """
    return Call("abs", (as_expr(value),))
