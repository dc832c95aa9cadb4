"""What is to be seen of a source in one document: its contract, what its rows hold, and what was set aside of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pyarrow as pa

from setpoint.core.errors import SetpointError
from setpoint.core.times import iso, time
from setpoint.data.contracts.contract import ColumnContract, Contract
from setpoint.data.contracts.profile import TableProfile, profile_table
from setpoint.data.log.entries import Entry
from setpoint.data.rows import AT, standing_rows
from setpoint.declare.kinds import TIME


def report_source(contract: Contract, rows: pa.Table) -> dict[str, Any]:
    """The contract of a source, and a profile of its rows that stand, as JSON-like data.

    >>> from setpoint.data.contracts.contract import infer_contract
    >>> from setpoint.declare.source import events, info
    >>> sales = info(events("sales", "s.csv", id="n", at="ts", delay="0s", expect={"price": (0, 9)}))
    >>> raw = pa.table({"n": [1], "ts": pa.array([5], pa.timestamp("us", tz="UTC")), "price": [2.5]})
    >>> report_source(infer_contract(sales, raw), raw)["columns"][2]["stated"]
    ['0 to 9']
    """
    timed = contract.info.at is not None
    standing = standing_rows(rows)
    profile = profile_table(standing if timed or AT not in standing.column_names else standing.drop_columns([AT]))
    return {
        "kind": contract.info.kind,
        "columns": [
            {"name": name, "kind": "json" if column.json else column.kind, "stated": _stated(contract, name, column)}
            for name, column in contract.columns.items()
        ],
        "rules": [rule.name for rule in contract.rules],
        "refuse_above": contract.refuse_above,
        "profile": _plain(profile),
    }


def report_entries(entries: Sequence[Entry], contracts: dict[str, Contract]) -> list[dict[str, Any]]:
    """Rows that were set aside, each with when it happened, or was told where it does not say so."""
    return [{**entry.to_dict(), "happened_at": _happened(entry, contracts[entry.source])} for entry in entries]


def _happened(entry: Entry, contract: Contract) -> str | None:
    told = entry.values().get(contract.info.at) if contract.info.at is not None else None
    if isinstance(told, str):
        with suppress(SetpointError):  # set aside for its time, perhaps
            return iso(time(told))
    return None if entry.received_at is None else iso(entry.received_at)


def _stated(contract: Contract, name: str, column: ColumnContract) -> list[str]:
    """What is held of a column, in words."""
    says_when = name == contract.info.at and contract.info.null_at != "skip"
    bound = column.binds("nullable") and not column.nullable
    found = ["never empty"] if name in contract.required or says_when or bound else []
    low = column.low if column.binds("low") else None
    high = column.high if column.binds("high") else None
    if low is not None or high is not None:
        ends = [None if end is None else iso(int(end)) if column.kind == TIME else f"{end:g}" for end in (low, high)]
        found.append(
            f"{ends[0]} to {ends[1]}"
            if None not in ends
            else f"at least {ends[0]}"
            if high is None
            else f"at most {ends[1]}"
        )
    if column.binds("allowed") and column.allowed is not None:
        found.append("one of " + ", ".join(column.allowed))
    return found


def _plain(profile: TableProfile) -> dict[str, Any]:
    told = profile.to_dict()
    for column in told["columns"].values():
        column["top"] = [[value if _is_json(value) else str(value), count] for value, count in column["top"]]
    return told


def _is_json(value: object) -> bool:
    return isinstance(value, (bool, int, float, str))
