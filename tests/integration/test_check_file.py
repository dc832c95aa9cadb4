"""A file held to the contract of a source before it is delivered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import setpoint as sp
from setpoint.cli.check_file import show_file
from setpoint.cli.main import parser
from setpoint.core.errors import NameUnknown, SourceMissing, WrongType
from tests.integration.live_shop import write
from tests.integration.test_contracts import cards, opened, p, payments, shop

RULES: dict[str, Any] = {"refuse_above": 0.5}


def held(folder: Path) -> sp.Live:
    """A shop whose payments are unique by number, in euros, and of cards that there are."""
    rules = (sp.unique(p.number), sp.holds(p.amount >= p.paid, name="paid"), sp.references(p.card, to=cards.card))
    return opened(folder, shop(*rules, **RULES), payments(60))


@pytest.mark.parametrize("name", ["new.parquet", "new.csv", "new.jsonl"])
def test_a_file_is_told_what_would_become_of_its_rows(tmp_path: Path, name: str) -> None:
    """By rule, with reasons, whatever its format; nothing of it is taken in."""
    rows = payments(40, n3={"card": "c9"}, n5={"paid": 100.0}, n7={"number": 6}, n9={"amount": -1.0, "paid": -1.0})
    with held(tmp_path / "shop") as live:
        before = {each["name"]: each["rows"] for each in live.check()["sources"]}
        write(tmp_path / "new.parquet", rows)
        if name.endswith("csv"):
            lines = [",".join(rows[0]), *[",".join(_told(value) for value in row.values()) for row in rows]]
            (tmp_path / name).write_text("\n".join(lines) + "\n")
        if name.endswith("jsonl"):
            (tmp_path / name).write_text("".join(_line(row) + "\n" for row in rows))
        found = live.check_file(tmp_path / name, "payments")
        assert found["rules"] == {"references(card, to=cards.card)": 1, "paid": 1, "unique(number)": 1, "range": 1}
        assert (found["rows"], found["quarantined"], found["refused"], found["passed"]) == (40, 4, None, False)
        assert len(found["reasons"]) == 4
        assert {each["name"]: each["rows"] for each in live.check()["sources"]} == before


def test_a_good_file_passes_and_a_bad_one_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code says which, and the words why."""
    with held(tmp_path / "shop") as live:
        good, bad = tmp_path / "good.parquet", tmp_path / "bad.parquet"
        write(good, payments(20))
        write(bad, [{**row, "way": "fax"} for row in payments(20)])
        assert show_file(parser().parse_args(["check", "--file", str(good), "--source", "payments"]), live) == 0
        assert "20 of 20 rows would be taken in by payments." in capsys.readouterr().out
        assert show_file(parser().parse_args(["check", "--file", str(bad), "--source", "payments"]), live) == 1
        told = " ".join(capsys.readouterr().out.split())
        assert "refused 20 of 20 rows of source 'payments' break its contract" in told
        assert told.endswith("not passed")


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    """A source that nobody declared, a file that is missing, and a file without a source to hold it to."""
    with held(tmp_path / "shop") as live:
        with pytest.raises(NameUnknown, match="payment"):
            live.check_file(tmp_path / "good.parquet", "payment")
        with pytest.raises(SourceMissing):
            live.check_file(tmp_path / "good.parquet", "payments")
        with pytest.raises(WrongType, match="which contract"):
            show_file(parser().parse_args(["check", "--file", "good.parquet"]), live)


def _told(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _line(row: dict[str, Any]) -> str:
    return json.dumps({name: _told(value) if hasattr(value, "isoformat") else value for name, value in row.items()})
