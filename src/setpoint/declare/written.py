"""Expressions and rules written as the Python that declares them."""

from __future__ import annotations

import json
import keyword
from collections.abc import Mapping

from setpoint.core import times
from setpoint.core.errors import DeclarationError
from setpoint.declare.contract import Fresh, Holds, NotNull, References, Rule, StatedContract, Unique
from setpoint.declare.expr import Binary, Call, Column, Expr, Literal, PythonCall, source_name
from setpoint.declare.source import info

_METHODS = ("fill", "is_null", "length", "lower", "matches", "strip", "upper")
_CLOCKS = ("day", "hour", "minute", "month", "weekday", "year")
_NAMES = {"abs": "absolute"}


def written(expr: Expr) -> str:
    """The Python of an expression over columns, the variable of a source being called as the source.

    >>> from setpoint.declare.source import events
    >>> sales = events("sales", "sales.parquet", at="ts", delay="0s")
    >>> written(~sales.shop.is_null() & (sales["unit price"] >= 0.5))
    '(~sales.shop.is_null() & (sales["unit price"] >= 0.5))'
    """
    if isinstance(expr, Literal):
        return _literal(expr)
    if isinstance(expr, Column):
        return column(source_name(expr.source), expr.name)
    if isinstance(expr, Binary):
        return f"({written(expr.left)} {expr.op} {written(expr.right)})"
    if isinstance(expr, PythonCall):
        return f"{expr.name}({', '.join(map(written, expr.arguments))})"
    if not isinstance(expr, Call):
        raise DeclarationError(f"{expr} is no expression of one row.", expected="columns, operators and functions")
    first, *rest = map(written, expr.arguments)
    if expr.function == "not":
        return f"~{first}"
    if expr.function == "isin":
        return f"{first}.isin([{', '.join(rest)}])"
    if expr.function == "json":
        path, kind, fold = rest
        return f"{first}.json({path}, kind={kind}" + (f", fold={fold})" if fold != '""' else ")")
    if expr.function in _METHODS:
        return f"{first}.{expr.function}({', '.join(rest)})"
    if expr.function in _CLOCKS:
        return f"{first}.{expr.function}({f'zone={_text(expr.option)}' if expr.option else ''})"
    options = [f"by={_text(expr.option)}"] if expr.function == "joined" else []
    if expr.function == "bucket":
        rest = [f"edges=[{', '.join(rest)}]"]
    if expr.function == "hashed":
        rest = [f"buckets={rest[0]}", f"seed={rest[1]}"]
    return f"sp.{_NAMES.get(expr.function, expr.function)}({', '.join([first, *rest, *options])})"


def _literal(expr: Literal) -> str:
    if expr.unit == "duration":
        return _text(times.spell(int(expr.value or 0)))
    if expr.unit == "time":
        return f"datetime.fromisoformat({_text(times.iso(int(expr.value or 0)))})"
    return _text(expr.value) if isinstance(expr.value, str) else repr(expr.value)


def _text(value: str) -> str:
    """A text between double quotes, as Python has it."""
    shown = json.dumps(value, ensure_ascii=False)
    return f'r"{value}"' if "\\" in value and value.isprintable() and '"' not in value and value[-1] != "\\" else shown


def variable(source: str) -> str:
    """What the variable of a source is called: as the source, where that can be."""
    return source if source.isidentifier() and not keyword.iskeyword(source) else "source"


def column(source: str, name: str) -> str:
    """A column of a source.

    >>> column("sales", "price"), column("sales", "unit price"), column("my-sales", "class")
    ('sales.price', 'sales["unit price"]', 'source["class"]')
    """
    plain = name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("_")
    return f"{variable(source)}.{name}" if plain else f"{variable(source)}[{_text(name)}]"


def written_rule(rule: Rule) -> str:
    """The Python of a rule.

    >>> written_rule(Fresh(7_200_000_000))
    'sp.fresh("2h")'
    """
    if isinstance(rule, Fresh):
        return f"sp.fresh({_text(times.spell(rule.limit))})"
    if isinstance(rule, Holds):
        plain = written(rule.condition)
        named = rule.name != str(rule.condition)
        if not named and rule.refuse_above is None:
            return plain[1:-1] if isinstance(rule.condition, Binary) and rule.condition.op not in ("&", "|") else plain
        return f"sp.holds({plain}{_options(rule.name if named else None, rule.refuse_above)})"
    if isinstance(rule, NotNull):
        inner, usual = written(rule.column), f"not_null({rule.column.name})"
        return f"sp.not_null({inner}{_options(_own(rule.name, usual), rule.refuse_above)})"
    if isinstance(rule, Unique):
        usual = f"unique({', '.join(each.name for each in rule.columns)})"
        inner = ", ".join(map(written, rule.columns))
        return f"sp.unique({inner}{_options(_own(rule.name, usual), rule.refuse_above)})"
    if isinstance(rule, References):
        ours, theirs = (_together(side) for side in (rule.columns, rule.to))
        usual = f"references({', '.join(one.name for one in rule.columns)}, to={', '.join(map(str, rule.to))})"
        return f"sp.references({ours}, to={theirs}{_options(_own(rule.name, usual), rule.refuse_above)})"
    ends: Mapping[str, int | None] = {"at_least": rule.at_least, "at_most": rule.at_most}
    bounds = "".join(f", {word}={end}" for word, end in ends.items() if end is not None)
    after = "" if rule.after is None else f", after={_text(times.spell(rule.after))}"
    return f"sp.volume(every={_text(times.spell(rule.every))}{bounds}{after})"


def _own(name: str, usual: str) -> str | None:
    return None if name == usual else name


def _options(name: str | None, share: float | None) -> str:
    return ("" if name is None else f", name={_text(name)}") + ("" if share is None else f", refuse_above={share:g}")


def _together(columns: tuple[Column, ...]) -> str:
    return written(columns[0]) if len(columns) == 1 else f"[{', '.join(map(written, columns))}]"


def written_contract(stated: StatedContract, more: tuple[str, ...] = ()) -> str:
    """The Python of a contract, with more lines of rules after its own.

    >>> from setpoint.declare.contract import contract, unique
    >>> from setpoint.declare.source import events
    >>> sales = events("sales", "sales.parquet", at="ts", delay="0s")
    >>> print(written_contract(contract(sales, sales.price > 0, unique(sales.number))))
    sp.contract(
        sales,
        sales.price > 0,
        sp.unique(sales.number),
        refuse_above=0.2,
    )
    """
    lines = [variable(info(stated.source).name), *map(written_rule, stated.rules), *more]
    lines.append(f"refuse_above={stated.refuse_above:g}")
    return "\n".join(["sp.contract(", *[f"    {line}," for line in lines], ")"])
