"""Rows held to a contract without being taken in: part by part, what should be unique over all parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from setpoint.core.errors import BatchRefused
from setpoint.data.casting import cast
from setpoint.data.contracts.check import Checked, check
from setpoint.data.contracts.contract import Contract
from setpoint.data.contracts.duplicates import shared_rows
from setpoint.data.contracts.faults import Violations
from setpoint.data.contracts.rules import Around, Batch, shared_faults
from setpoint.data.files.read import ROW
from setpoint.data.identity import identified_by, text_hashes
from setpoint.data.ingest.ingest import REASON, RULE, set_aside
from setpoint.declare.contract import Unique

Ints = npt.NDArray[np.int64]

Read = Callable[[Sequence[str] | None], Iterable[pa.Table]]
"""Gives the parts of a source one after another, always the same: whole, or only these columns of them."""


@dataclass(frozen=True)
class CheckedParts:
    """What came of a check: how many rows there are, how many have not happened yet, and those that are set aside.

    `rules` counts the rows that were set aside by their rules, the most frequent first. `refused` says why the contract
    would take in none of the rows; None where it takes in all but those that are set aside.
    """

    rows: int
    skipped: int
    quarantined: pa.Table
    rules: Mapping[str, int]
    refused: BatchRefused | None


def check_parts(contract: Contract, read: Read, *, around: Around | None = None) -> CheckedParts:
    """The rows of all parts that break the contract, each with its rule, reason and number among all.

    In memory are one part, the columns that should be unique, and the rows that are set aside. Whether two rows of one
    identity contradict each other is told within a part only.

    >>> from setpoint.data.contracts.contract import infer_contract
    >>> from setpoint.declare.contract import contract, unique
    >>> from setpoint.declare.source import events, info
    >>> day = pa.array([5, 0], pa.timestamp("us", tz="UTC"))
    >>> parts = [pa.table({"n": [1, 2], "ts": day, "key": [7, 8]}), pa.table({"n": [3, 4], "ts": day, "key": [8, 9]})]
    >>> sales = events("sales", "sales.parquet", id="n", at="ts", delay="1s")
    >>> stated = contract(sales, unique(sales.key), refuse_above=1)
    >>> held = infer_contract(info(sales), parts[0]).with_rules(stated)
    >>> found = check_parts(held, lambda names: [part.select(names or part.column_names) for part in parts])
    >>> found.rows, found.quarantined["__reason"].to_pylist()
    (4, ['row 3: key 8 is also in row 2; expected each once'])
    """
    alone = replace(contract, rules=tuple(rule for rule in contract.rules if not isinstance(rule, Unique)))
    alone = replace(alone, refuse_above=1.0)
    suspects = _suspects(contract, read)
    kept: list[_Kept] = []
    aside: list[pa.Table] = []
    start = skipped = 0
    for part in read(None):
        numbers = pa.array(np.arange(start + 1, start + part.num_rows + 1))
        raw = part if ROW in part.column_names else part.append_column(ROW, numbers)
        checked = check(alone, raw, around=around)
        aside.append(set_aside(raw, checked.violations))
        first, last = np.searchsorted(suspects, (start, start + raw.num_rows))
        if first < last:
            kept.append(_kept(contract, raw, checked, suspects[first:last] - start))
        skipped += int(checked.skipped.sum())
        start += raw.num_rows
    if kept:
        aside.append(_shared(contract, kept))
    found = pa.concat_tables(aside, promote_options="permissive") if aside else pa.table({RULE: [], REASON: []})
    rules = Counter(found[RULE].to_pylist())
    return CheckedParts(
        start, skipped, found, dict(rules.most_common()), _refused(contract, found, rules, start - skipped)
    )


def _suspects(contract: Contract, read: Read) -> Ints:
    """The rows, by their number among all from 0, that may share with another what should be unique."""
    found = [np.zeros(0, dtype=np.int64)]
    for rule in contract.rules:
        if isinstance(rule, Unique):
            names = [column.name for column in rule.columns]
            parts: list[list[pa.Array]] = [[] for _ in names]
            for part in read(names):
                for each, name in zip(parts, names, strict=True):
                    each.append(_short(cast(part[name], contract.columns[name].kind).values))
            if parts[0]:
                found.append(shared_rows([_joined(each) for each in parts]))
    return np.unique(np.concatenate(found))


def _short(column: pa.Array) -> pa.Array:
    """The column, texts by their hashes: equal ones are equal."""
    if not pa.types.is_string(column.type):
        return column
    return pa.array(text_hashes(column).view(np.int64), mask=column.is_null().to_numpy(zero_copy_only=False))


def _joined(arrays: Sequence[pa.Array]) -> pa.Array:
    """Arrays one after another; where some are whole numbers and some are not, all are taken as float64."""
    types = {each.type for each in arrays}
    return pa.concat_arrays(arrays if len(types) == 1 else [each.cast(pa.float64(), safe=False) for each in arrays])


@dataclass(frozen=True)
class _Kept:
    """Rows of one part that may share with others what should be unique; `counts` says which count."""

    raw: pa.Table
    columns: Mapping[str, pa.Array]
    at: Ints
    known_at: Ints
    counts: npt.NDArray[np.bool_]


def _compared(contract: Contract) -> list[str]:
    """The columns by which rows of different parts are compared."""
    unique = [column.name for rule in contract.rules if isinstance(rule, Unique) for column in rule.columns]
    return list(dict.fromkeys([*unique, *identified_by(contract.info)]))


def _kept(contract: Contract, raw: pa.Table, checked: Checked, places: Ints) -> _Kept:
    counts = ~(checked.violations.bad | checked.skipped | checked.repeated)[places]
    columns = {name: checked.columns[name].take(pa.array(places)) for name in _compared(contract)}
    return _Kept(raw.take(pa.array(places)), columns, checked.at[places], checked.known_at[places], counts)


def _shared(contract: Contract, kept: Sequence[_Kept]) -> pa.Table:
    """The rows of all parts that share with a row known earlier what should be unique."""
    raw = pa.concat_tables([each.raw for each in kept], promote_options="permissive").combine_chunks()
    columns = {name: _joined([each.columns[name] for each in kept]) for name in _compared(contract)}
    at, known_at, counts = (
        np.concatenate([getattr(each, name) for each in kept]) for name in ("at", "known_at", "counts")
    )
    faults = shared_faults(contract.rules, Batch(contract.info, raw, columns, at, known_at), Around(), among=counts)
    return set_aside(raw, Violations.of(faults, raw.num_rows))


def _refused(contract: Contract, found: pa.Table, rules: Mapping[str, int], due: int) -> BatchRefused | None:
    limits = [(None, contract.refuse_above), *[(rule.name, rule.refuse_above) for rule in contract.rules]]
    for rule, limit in limits:
        count = found.num_rows if rule is None else rules.get(rule, 0)
        if limit is None or count <= limit * due:
            continue
        reasons = found[REASON].to_pylist()
        told = [reason for name, reason in zip(found[RULE].to_pylist(), reasons, strict=True) if rule in (None, name)]
        return BatchRefused(
            f"{count} of {due} rows of source {contract.info.name!r} break "
            f"{'its contract' if rule is None else f'the rule {rule}'}: {'; '.join(told[:3])}.",
            expected=f"at most {limit:.0%}; nothing was taken in",
            hint="Mend the source and deliver it again, or state the new contract.",
        )
    return None
