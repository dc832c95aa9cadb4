"""A contract as a user would write it: what is stated of a source, and what its rows were seen to keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from setpoint.data.contracts.contract import ColumnContract, Contract
from setpoint.data.contracts.usual import usual_age, usual_volume
from setpoint.data.find import find
from setpoint.declare.contract import Fresh, Holds, NotNull, References, StatedContract, Volume
from setpoint.declare.kinds import NUMBER, TEXT, TIME
from setpoint.declare.source import TABLE, Source, info
from setpoint.declare.written import column as shown
from setpoint.declare.written import written_contract, written_rule


def suggest_contract(
    contract: Contract,
    stated: StatedContract,
    rows: Mapping[str, pa.Table],
    sources: Mapping[str, Source],
    *,
    now: int | None = None,
) -> str:
    """Python that states the contract of a source, ready to be edited: its rules, and what was seen beside them.

    `rows` are those of all sources by name: a column in which every value is the key of a table refers to it. As of
    `now`, a source that keeps an amount and a pace of its own has them, too.

    >>> from setpoint.data.contracts.contract import infer_contract
    >>> from setpoint.declare.contract import contract, unique
    >>> from setpoint.declare.source import events
    >>> raw = pa.table({"n": [1, 2], "ts": pa.array([5, 0], pa.timestamp("us", tz="UTC")), "price": [1.5, 20.0]})
    >>> sales = events("sales", "sales.csv", id="n", at="ts", delay="1s")
    >>> print(suggest_contract(infer_contract(info(sales), raw), contract(sales), {"sales": raw}, {"sales": sales}))
    sp.contract(
        sales,
        sp.not_null(sales.price),
        sales.price.between(1.5, 20),
        refuse_above=0.2,
    )
    """
    filled = {rule.column.name for rule in stated.rules if isinstance(rule, NotNull)}
    alone = {rule.columns[0].name for rule in stated.rules if isinstance(rule, Holds) and len(rule.columns) == 1}
    related = {rule.columns[0].name for rule in stated.rules if isinstance(rule, References) and len(rule.columns) == 1}
    more: list[str] = []
    for name, column in contract.columns.items():
        if name in (*contract.required, contract.info.at, contract.info.known_at):
            continue
        mine = shown(contract.info.name, name)
        if not column.nullable and not column.binds("nullable") and name not in filled:
            more.append(f"sp.not_null({mine})")
        if name not in alone:
            more += [f"{mine}.{fact}" for fact in _facts(column)]
        if name not in related:
            more += [f"sp.references({mine}, to={theirs})" for theirs in _named(contract, name, rows, sources)]
    return written_contract(stated, (*more, *_habits(contract, stated, rows, now)))


def _habits(contract: Contract, stated: StatedContract, rows: Mapping[str, pa.Table], now: int | None) -> list[str]:
    """How many rows usually come, and how old the newest one usually gets, where no rule states it."""
    if now is None:
        return []
    known = rows[contract.info.name]
    found = [
        usual(contract.info, known, now)
        for kind, usual in ((Fresh, usual_age), (Volume, usual_volume))
        if not any(isinstance(rule, kind) for rule in stated.rules)
    ]
    return [written_rule(rule) for rule in found if rule is not None]


def _facts(column: ColumnContract) -> Iterator[str]:
    """What was seen of the values of a column; what `expect=` states of it needs no rule."""
    if column.kind == NUMBER and column.low is not None and column.high is not None and not column.binds("low"):
        yield f"between({_number(column.low)}, {_number(column.high)})"
    if column.kind == TEXT and column.allowed and not column.binds("allowed") and not column.json:
        words = ", ".join(
            f"{text!r}".replace("'", '"') if "'" not in text and '"' not in text else repr(text)
            for text in column.allowed
        )
        yield f"isin([{words}])"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(float(value))


def _named(contract: Contract, name: str, rows: Mapping[str, pa.Table], sources: Mapping[str, Source]) -> Iterator[str]:
    """The keys of tables that have this column's name, and each of its values."""
    values = rows[contract.info.name][name].combine_chunks()
    for other, source in sources.items():
        declared = info(source)
        if declared.kind != TABLE or declared.key != name or other == contract.info.name or other not in rows:
            continue
        theirs = rows[other][name].combine_chunks()
        same = pa.types.is_string(values.type) == pa.types.is_string(theirs.type)
        if same and contract.columns[name].kind != TIME and len(values) > values.null_count:
            if int((find([values], [theirs]) < 0).sum()) == values.null_count:
                yield shown(other, name)
