"""Decisions that somebody chose, raked to known shares of the population: on each side of a training by itself.

A side's weights come from its own rows alone, so that nothing about newer decisions moves what older ones teach. What
was chosen stays chosen: raking mends what the margins see, and no interval follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from setpoint.core.errors import DataError, NothingYet
from setpoint.data.arrays import null_mask, to_array
from setpoint.data.rows import kinds
from setpoint.data.samples.chosen import convenience
from setpoint.data.samples.sample import effective_size
from setpoint.declare.declaration import System
from setpoint.declare.kinds import NUMBER, TEXT
from setpoint.declare.sample import Chosen
from setpoint.learn.groups import NONE, OTHER
from setpoint.learn.sides import Examples, Sides
from setpoint.measure.rake import Raked, rake


@dataclass(frozen=True)
class RakedSides:
    """Sides whose rows weigh as the population's margins say; `lineage` tells how it went on each, None if nowhere."""

    sides: Sides
    lineage: Mapping[str, Any] | None = None


def rake_sides(system: System, sides: Sides) -> RakedSides:
    """The sides raked to the margins of a declared sample that was chosen; as they are where none is.

    The weights of a side keep their sum. Rows of the embargo, which only the released model learns from, weigh as in
    all rows together; training rows that stand for decisions where a strategy picked others weigh by as much more as on
    their side. Raises NothingYet where a side lacks a level of the margins, or has one that they lack.
    """
    sample = system.sample
    if not isinstance(sample, Chosen):
        return RakedSides(sides)
    told = {**sample.to_dict(), "probability": False, "rows": int(sides.rows.y.size)}
    if not sample.margins:
        return RakedSides(sides, told)
    split = sides.split
    parts = {"all rows": np.arange(sides.rows.y.size)} | {
        name.replace("_", "-"): getattr(split, name) for name in ("train", "validation", "held_out")
    }
    weight, went = sides.rows.weight.astype(np.float64), dict[str, Any]()
    raked = weight.copy()
    for name, places in parts.items():
        found = rake_rows(sample, sides.rows.take(places), where=f"the {name} side" if went else name)
        raked[places] = found.weight * (weight[places].sum() / found.weight.sum())
        went[name] = found.to_dict()
    told |= {"effective_size": effective_size(raked), "raked": went}
    whole, fair = sides.whole, sides.fair
    if whole is not None:
        found = rake_rows(sample, whole[0], where="all rows that train")
        whole = replace(whole[0], weight=found.weight * (whole[0].weight.sum() / found.weight.sum())), whole[1]
    if fair is not None and sides.fair_at is not None:
        at = split.train[sides.fair_at]
        fair = replace(fair, weight=fair.weight * raked[at] / weight[at])
    return RakedSides(replace(sides, rows=replace(sides.rows, weight=raked), whole=whole, fair=fair), told)


def rake_rows(sample: Chosen, rows: Examples, *, where: str = "the rows") -> Raked:
    """The weights with which rows meet the margins of a sample that was chosen, beginning with those they have.

    >>> fields = pa.table({"sex": ["f", "m", "m", "m"]})
    >>> rows = Examples(pa.table({}), fields, np.zeros(4), np.zeros(4))
    >>> half = Chosen("convenience", "who came", margins=(("sex", (("f", 0.5), ("m", 0.5))),))
    >>> rake_rows(half, rows).weight.round(3).tolist()
    [2.0, 0.667, 0.667, 0.667]
    """
    margins = {name: dict(shares) for name, shares in sample.margins}
    columns = {name: levels_by_margin(rows, name, margins[name]).tolist() for name in margins}
    drawn = convenience(np.arange(rows.y.size), rows.y.size, judged_by=sample.judged_by)
    try:
        return rake(replace(drawn, weight=rows.weight), columns, margins, most=sample.most or None)
    except DataError as error:
        raise NothingYet(f"Of {where}: {error.problem}", expected=error.expected, hint=error.hint) from error


def levels_by_margin(rows: Examples, name: str, margin: Mapping[str, float]) -> npt.NDArray[np.str_]:
    """The level of each row by a request field or feature, as its margin names it.

    A NULL is "(none)"; where the margin has "(other)", that is every level which it does not name.

    >>> fields = pa.table({"country": ["at", None, "fr"]})
    >>> rows = Examples(pa.table({}), fields, np.zeros(3), np.zeros(3))
    >>> levels_by_margin(rows, "country", {"at": 0.4, "(other)": 0.6}).tolist()
    ['at', '(other)', '(other)']
    """
    table = rows.fields if name in rows.fields.column_names else rows.features
    column, kind = table[name], kinds(table.select([name]))[name]
    if kind == NUMBER and not pa.types.is_boolean(column.type):
        values = to_array(column, NUMBER)
        distinct, codes = np.unique(values, return_inverse=True)
        texts = np.array([NONE if np.isnan(value) else f"{value:g}" for value in distinct], dtype=np.str_)[codes]
    else:
        plain = to_array(column.cast(pa.string()), TEXT)
        texts = np.where(null_mask(plain), NONE, plain).astype(np.str_)
    return np.where(np.isin(texts, list(margin)), texts, OTHER) if OTHER in margin else texts
