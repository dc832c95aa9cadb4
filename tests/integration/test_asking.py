"""What is asked about a system at work: the answers, and the questions that have none."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

import setpoint as sp
from setpoint.cli.main import main
from setpoint.core.errors import NothingYet, QueryInvalid, WrongType
from tests.integration.live_shop import START, open_shop, payments, write

NOW = START + timedelta(days=3)
DECLARATION = """
from pathlib import Path
from tests.integration.live_shop import declare
system = declare(Path(__file__).parent, "payments.parquet")
"""


@pytest.fixture
def shop(tmp_path: Path) -> sp.Live:
    """A shop that took one decision."""
    path = write(tmp_path / "payments.parquet", [{**row, "v": 1, "gone": False} for row in payments(60)])
    live, _ = open_shop(tmp_path, path, now=NOW, version="v", retracted="gone")
    with live.session() as session:
        session.decide({"order_id": "3", "card": "c1"})
        assert session.event("payments", [{"payment_id": "p1", "v": 2, "gone": True}]).accepted == 1
    return live


def test_rows_that_were_taken_back_say_so(shop: sp.Live) -> None:
    """What stands has no end; what was taken back ends at the row that does it."""
    rows = shop.sql("select payment_id, __position, __sign, __ends from payments where payment_id in ('p0', 'p1')")
    assert rows.to_pylist() == [
        {"payment_id": "p0", "__position": 0, "__sign": 1, "__ends": None},
        {"payment_id": "p1", "__position": 1, "__sign": 1, "__ends": 60},
        {"payment_id": "p1", "__position": 60, "__sign": -1, "__ends": None},
    ]


def test_what_there_is_to_ask_about_does_not_depend_on_the_question(shop: sp.Live) -> None:
    """An error names every relation."""
    with pytest.raises(QueryInvalid, match="decisions, frauds, orders, outcomes, payments, scores"):
        shop.sql("select * from outcome")


@pytest.mark.parametrize("sample", [-1.0, 0.0, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(shop: sp.Live, sample: float) -> None:
    """Nothing is looked at by mistake."""
    with pytest.raises(WrongType, match="no share"):
        shop.verify(sample=sample)


def test_a_check_that_touches_nothing_is_an_error(shop: sp.Live) -> None:
    """Of no decision nobody can say that it is what it should be."""
    assert shop.verify()["decisions"] == 1
    with pytest.raises(NothingYet, match="No decision of 'shop' from 2036"):
        shop.verify(since=shop.clock.now() + 10 * 365 * 86_400_000_000)


def test_a_replay_needs_batches_and_a_share(shop: sp.Live) -> None:
    """A batch has a length; none of the hours may be compared, and all of them."""
    with pytest.raises(WrongType, match="0 seconds"):
        shop.replay(batch=0)
    with pytest.raises(WrongType, match="0 to 1"):
        shop.replay(sample=2.0)


def test_a_system_that_was_closed_holds_no_file(shop: sp.Live) -> None:
    """What was opened to answer is closed, and opened again by the next question."""
    files = Path("/proc/self/fd")

    def held() -> list[str]:
        return [link for link in (str(file.resolve()) for file in files.iterdir()) if link.startswith(str(shop.root))]

    assert shop.verify()["passed"]
    shop.close()
    assert held() == []
    assert shop.check()["passed"]
    shop.close()
    assert held() == []


def test_a_key_goes_before_the_beginning_of_another_id(shop: sp.Live) -> None:
    """A decision on '3' is found, though the ids of models may begin with 3; nothing begins with nothing."""
    assert shop.why("3")["kind"] == "decision on 3"
    with pytest.raises(NothingYet, match="Nothing recorded is called ''"):
        shop.why("")


def test_what_users_write_is_printed_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Brackets are no markup: not in an error, not in a reason, not in what a feature is."""
    rows = [{**row, "payment_id": "[/red]" if row["payment_id"] == "p1" else row["payment_id"]} for row in payments(60)]
    write(tmp_path / "payments.parquet", [*rows, {**rows[1], "amount": 9.0}])
    (tmp_path / "shop.py").write_text(DECLARATION)
    assert main(["check", str(tmp_path / "shop.py"), "--quarantine"]) == 0
    assert "'[/red]'" in capsys.readouterr().out
    assert main(["replay", str(tmp_path / "shop.py"), "--sample", "0"]) == 0
    assert main(["why", "o50", str(tmp_path / "shop.py"), "--feature", "sum_2d"]) == 0
    assert "sum(payments.amount, by=[card], last='2d'): key 'c2'" in capsys.readouterr().out
    assert main(["why", "[/red]", str(tmp_path / "shop.py")]) == 2
    assert "'[/red]'" in capsys.readouterr().err


def test_a_query_that_takes_too_long_can_be_interrupted(shop: sp.Live) -> None:
    """Ctrl-C ends it, and its words are those of every interrupted command."""
    (shop.root / "shop.py").write_text(
        DECLARATION.replace('"payments.parquet"', '"payments.parquet", version="v", retracted="gone"')
    )
    endless = "select count(*) from range(10000000000) a, range(1000) b"
    command = [sys.executable, "-m", "setpoint.cli.main", "sql", endless, str(shop.root / "shop.py")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as asked:
        with pytest.raises(subprocess.TimeoutExpired):
            asked.wait(10)
        asked.send_signal(signal.SIGINT)
        assert asked.wait(60) == 130
        assert asked.stderr is not None
        assert asked.stderr.read() == "interrupted\n"
