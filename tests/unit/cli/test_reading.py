"""What is said while a source is read."""

from __future__ import annotations

import pytest

from setpoint.cli import reading


def test_a_long_reading_is_told_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside what a verb prints; what is quick is not spoken of."""
    tell = reading.Reading()
    tell("payments: read", 10, 0)
    monkeypatch.setattr(reading, "EVERY_SECONDS", 0.0)
    tell("payments: read", 2_000, 0)
    tell("payments: held to the contract", 1_000, 2_000)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "payments: read 2,000\npayments: held to the contract 1,000 of 2,000\n"
