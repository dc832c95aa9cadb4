"""Rows of the quarantine are edited and taken in again, once, whatever was delivered, told or stopped in between."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import setpoint as sp
from setpoint.backends.segments import FileSegments
from setpoint.cli.main import main, parser
from setpoint.cli.quarantine import show_quarantine
from setpoint.core.clock import SimulatedClock
from setpoint.core.errors import DataError, NameUnknown, WrongType
from setpoint.data.log.readmit import ASKED, do_asked
from tests.integration.live_shop import START, declare, micros, payments
from tests.integration.test_live_events import made, sum_seen, verified

NOON = START + timedelta(hours=12)
LIMITS = {"expect": {"amount": (0, 1000)}}


def shop(folder: Path, *, hours: int = 0, path: str = "payments.csv", **options: Any) -> tuple[sp.Live, SimulatedClock]:
    """The shop opened some hours after noon, its payments as text."""
    clock = SimulatedClock(micros(NOON + timedelta(hours=hours)))
    return sp.open_system(declare(folder, path, **{**LIMITS, **options}), root=folder, clock=clock), clock


def deliver(folder: Path, *extra: dict[str, Any]) -> None:
    """Twenty payments in a CSV file, and these."""
    rows = [{**row, "amount": row["amount"] or ""} for row in payments(20)] + list(extra)
    with (folder / "payments.csv").open("w", newline="") as file:
        out = csv.DictWriter(file, ["payment_id", "ts", "card", "amount"])
        out.writeheader()
        for row in rows:
            when = row["ts"] if isinstance(row["ts"], str) else row["ts"].isoformat()
            out.writerow({**row, "ts": when})


def edit(path: Path, **changes: dict[str, Any]) -> None:
    """Edit cells of an exported CSV file, by the payment that its line is."""
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    for line in lines:
        line.update(changes.get(line["payment_id"], {}))
    with path.open("w", newline="") as file:
        out = csv.DictWriter(file, list(lines[0]))
        out.writeheader()
        out.writerows(lines)


def run(live: sp.Live, path: Path, *words: str) -> int:
    """Run `setpoint check` on the shop's quarantine in process, as the command does."""
    parsed = parser().parse_args(["check", str(path), *words])
    return show_quarantine(parsed, live)


def states(live: sp.Live) -> list[tuple[str, str, str]]:
    """Rule, state and who said so of every row that was set aside."""
    return [(entry.rule, entry.state, entry.by) for entry in live.quarantine()]


def records(live: sp.Live) -> int:
    """How many records the log of payments has."""
    log = FileSegments(live.workspaces.live.events / "payments", writer=False)
    try:
        return len(list(log.read()))
    finally:
        log.close()


WRONG = (made("w1", NOON - timedelta(hours=3), -5.0), made("w2", NOON - timedelta(hours=2), "dear"))  # type: ignore[arg-type]


def test_edited_rows_of_a_file_come_in_now_and_say_where_from(tmp_path: Path) -> None:
    """Decisions before do not see them, decisions after do; what still breaks has its new reason."""
    deliver(tmp_path, *WRONG)
    live, clock = shop(tmp_path)
    with live.session() as session:
        assert sum_seen(live, session, "x1") == 0.0
        assert run(live, tmp_path, "--export", str(tmp_path / "bad.csv")) == 0
        edit(tmp_path / "bad.csv", w1={"amount": "5"}, w2={"amount": "2000"})
        clock.advance_to(clock.now() + 90_000_000)
        assert run(live, tmp_path, "--fix", str(tmp_path / "bad.csv"), "--by", "ada", "--because", "typing") == 1
        assert sum_seen(live, session, "x2") == 5.0
        first, second, third = live.quarantine()
        assert (first.state, first.by, first.why, first.at) == ("admitted", "ada", "typing", clock.now())
        assert dict(first.changed) == {"amount": (-5, 5)}
        assert (second.state, second.replaced_by, dict(second.changed)) == (
            "replaced",
            third.id,
            {"amount": ("dear", 2000)},
        )
        assert (third.state, third.origin, third.rule) == ("open", second.id, "range")
        assert third.reason == "row 2: amount is 2000; expected at most 1000"
        shown = live.sql("select __known_at as known from payments where payment_id = 'w1'").to_pylist()
        assert [micros(row["known"]) for row in shown] == [clock.now()]
    assert verified(live) == 2


def test_doing_it_again_changes_nothing(tmp_path: Path) -> None:
    """Also in a new process, and also where the work stopped after the log was written."""
    deliver(tmp_path, *WRONG)
    live, _ = shop(tmp_path)
    assert run(live, tmp_path, "--export", str(tmp_path / "bad.csv")) == 0
    edit(tmp_path / "bad.csv", w1={"amount": "5"})
    done = live.fix(tmp_path / "bad.csv", by="ada")
    assert (len(done["admitted"]), [each["rule"] for each in done["set_aside"]]) == (1, ["wrong-kind"])
    before, written = states(live), records(live)
    live.close()
    again, _ = shop(tmp_path, hours=1)
    assert again.fix(tmp_path / "bad.csv", by="ada") == done
    metadata = again.workspaces.live.open_metadata(again.settings)
    for asked in metadata.find("mend"):
        metadata.put("mend", f"payments/{asked['ask']}", {**asked, "state": ASKED})
    metadata.close()
    with again.session() as session:
        session.mend()
        assert sum_seen(again, session, "x") == 5.0
    assert (states(again), records(again)) == (before, written)


def test_rows_of_told_events_are_mended_like_those_of_files(tmp_path: Path) -> None:
    """As JSON lines: values have their kinds there."""
    deliver(tmp_path)
    live, _ = shop(tmp_path)
    with live.session() as session:
        session.event("payments", [made("n1", NOON - timedelta(hours=1), -7.0), {"payment_id": "n2"}])
        assert run(live, tmp_path, "--export", str(tmp_path / "bad.jsonl")) == 0
        lines = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text().splitlines()]
        assert [line["rule"] for line in lines] == ["range", "no-time"]
        lines[0]["row"]["amount"] = 7.0
        lines[1]["row"] |= {"ts": (NOON - timedelta(hours=2)).isoformat(), "card": "new", "amount": 3}
        (tmp_path / "bad.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        assert run(live, tmp_path, "--fix", str(tmp_path / "bad.jsonl")) == 0
        assert sum_seen(live, session, "x") == 10.0
    assert {state for _, state, _ in states(live)} == {"admitted"}
    assert live.check()["quarantine"] == []


def test_rows_come_in_as_they_are_once_the_contract_is_looser(tmp_path: Path) -> None:
    """Told ones from the log, delivered ones from their file; a stricter contract has them set aside as before."""
    deliver(tmp_path, made("w1", NOON - timedelta(hours=3), -5.0))
    live, _ = shop(tmp_path)
    with live.session() as session:
        session.event("payments", [made("n1", NOON - timedelta(hours=1), -7.0)])
        assert run(live, tmp_path, "--readmit", "range", "--by", "ada") == 1
        assert states(live) == [("range", "open", ""), ("range", "open", "")]
        assert records(live) == 1
    live.close()
    (tmp_path / "shop2").mkdir()
    looser, _ = shop(tmp_path, hours=1, expect={"amount": (-10, 1000)})
    done = looser.readmit(["range"], by="ada", why="refunds are payments")
    assert (len(done["admitted"]), done["set_aside"], len(done["gone"])) == (1, [], 1)
    assert states(looser) == [("range", "gone", ""), ("range", "admitted", "ada")]
    with looser.session() as session:
        assert sum_seen(looser, session, "x") == -12.0


def test_dismissed_rows_stay_with_their_reason(tmp_path: Path) -> None:
    """They are no longer counted as waiting; nothing else is dismissed with them."""
    deliver(tmp_path, *WRONG)
    live, _ = shop(tmp_path)
    with pytest.raises(WrongType, match="why the rows are dismissed"):
        live.dismiss(["range"], by="ada", why=" ")
    with pytest.raises(NameUnknown, match=r"no rule or row 'ranger'.*'range'"):
        live.dismiss(["ranger"], by="ada", why="tests")
    one = live.quarantine()[0]
    assert live.dismiss([one.id[:8]], by="ada", why="a test payment")["dismissed"] == [one.id]
    assert states(live) == [("range", "dismissed", "ada"), ("wrong-kind", "open", "")]
    assert [each["rule"] for each in live.check()["quarantine"]] == ["wrong-kind"]
    assert live.quarantine()[0].why == "a test payment"


def test_the_process_that_serves_takes_in_what_another_asks_for(tmp_path: Path) -> None:
    """The command does not wait for it; the rows are there after its next look."""
    deliver(tmp_path, *WRONG)
    live, _ = shop(tmp_path)
    with live.session() as session:
        other, _ = shop(tmp_path)
        assert run(other, tmp_path, "--export", str(tmp_path / "bad.csv"), "--rule", "range") == 0
        edit(tmp_path / "bad.csv", w1={"amount": "5"})
        done = other.fix(tmp_path / "bad.csv", by="ada")
        assert (done["admitted"], done["set_aside"], len(done["waiting"])) == ([], [], 1)
        session.mend()
        assert sum_seen(live, session, "x") == 5.0
        assert [entry.state for entry in other.quarantine()] == ["admitted", "open"]


def test_a_row_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """And so is one that is there twice, or whose file was mended; nothing is taken in then."""
    deliver(tmp_path, *WRONG)
    live, _ = shop(tmp_path)
    (tmp_path / "bad.jsonl").write_text('{"quarantine": "nothing", "row": {}}\n')
    with pytest.raises(DataError, match="The quarantine has no row 'nothing'"):
        live.fix(tmp_path / "bad.jsonl", by="ada")
    one = live.quarantine()[0]
    line = json.dumps({"quarantine": one.id, "row": one.values()}) + "\n"
    (tmp_path / "bad.jsonl").write_text(2 * line)
    with pytest.raises(DataError, match="is there twice"):
        live.fix(tmp_path / "bad.jsonl", by="ada")
    deliver(tmp_path)
    mended, _ = shop(tmp_path)
    (tmp_path / "bad.jsonl").write_text(line)
    with pytest.raises(DataError, match="no longer set aside"):
        mended.fix(tmp_path / "bad.jsonl", by="ada")
    assert [entry.state for entry in mended.quarantine()] == ["gone", "gone"]


def test_a_crash_between_asking_and_doing_loses_nothing(tmp_path: Path) -> None:
    """What was written down is done by whoever opens the system next."""
    deliver(tmp_path, *WRONG)
    live, _ = shop(tmp_path)
    assert run(live, tmp_path, "--export", str(tmp_path / "bad.csv"), "--source", "payments") == 0
    edit(tmp_path / "bad.csv", w1={"amount": "5"}, w2={"amount": "6"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FileSegments, "append", _crash)
        with pytest.raises(KeyboardInterrupt):
            live.fix(tmp_path / "bad.csv", by="ada")
    live.close()
    later, _ = shop(tmp_path, hours=1)
    with later.session() as session:
        session.mend()
        assert sum_seen(later, session, "x") == 11.0
        metadata = later.workspaces.live.open_metadata(later.settings)
        assert later.events.written is not None
        assert do_asked(metadata, later.events.written) == {}
        metadata.close()
    assert [state for _, state, _ in states(later)] == ["admitted", "admitted"]


def _crash(self: FileSegments, record: bytes) -> int:
    raise KeyboardInterrupt


DECLARATION = """
from datetime import timedelta
from pathlib import Path
from tests.integration.live_shop import declare
system = declare(Path(__file__).parent, "payments.csv", expect={"amount": (0, 1000)})
"""


def test_the_command_shows_filters_and_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As text, as one JSON document, and as comma-separated values; a wrong name is an error with the right one."""
    deliver(tmp_path, *WRONG)
    (tmp_path / "shop.py").write_text(DECLARATION + "from setpoint import System\n")
    check = ["check", str(tmp_path / "shop.py")]
    assert main([*check, "--quarantine", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["rows"]
    assert [(row["source"], row["rule"], row["row"], row["state"]) for row in told] == [
        ("payments", "range", 21, "open"),
        ("payments", "wrong-kind", 22, "open"),
    ]
    assert json.loads(told[0]["held"])["amount"] == "-5.0"
    assert main([*check, "--quarantine", "--rule", "range", "--csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main([*check, "--quarantine"]) == 0
    shown = capsys.readouterr().out
    assert "row 22: amount is 'dear'; expected a number" in shown
    assert main([*check, "--quarantine", "--rule", "rang"]) == 2
    assert "Did you mean 'range'" in capsys.readouterr().err
    assert main([*check, "--dismiss", "range", "--because", "a test", "--by", "ada"]) == 0
    assert "1 rows dismissed" in capsys.readouterr().out
    assert main([*check, "--quarantine", "--state", "all"]) == 0
    assert "dismissed by ada a test" in capsys.readouterr().out


def test_the_command_writes_a_page_of_the_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With files and told events; as JSON it has the same, and the exit code is that of the check."""
    deliver(tmp_path, *WRONG)
    (tmp_path / "shop.py").write_text(DECLARATION + "from setpoint import System\n")
    check = ["check", str(tmp_path / "shop.py"), "--report", str(tmp_path / "out" / "data.html")]
    assert main(check) == 0
    assert "data.html" in capsys.readouterr().out
    page = (tmp_path / "out" / "data.html").read_text()
    assert "row 22: amount is &#x27;dear&#x27;" in page or "row 22: amount is 'dear'" in page
    assert main([*check, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (payments_,) = [each for each in found["sources"] if each["name"] == "payments"]
    amount = payments_["profile"]["columns"]["amount"]
    assert (amount["rows"], amount["nulls"]) == (20, 2)
    assert [each["stated"] for each in payments_["columns"] if each["name"] == "amount"] == [["0 to 1000"]]
    assert [each["happened_at"][:13] for each in found["quarantine"]] == ["2026-01-01T09", "2026-01-01T10"]
