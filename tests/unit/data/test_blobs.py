"""Columns of blobs: kept once by their content, and what is torn is set aside with its reason."""

from __future__ import annotations

import base64
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.backends.sqlite_blobs import SqliteBlobs
from setpoint.core.digest import digest_bytes
from setpoint.data.blobs import judge_blobs, keep_blobs
from setpoint.data.files.read import read_source
from setpoint.data.ingest.quarantine import held_rows
from setpoint.declare.blob_column import Blob
from tests.integration.live_shop import declare
from tests.unit.data.make import days, moments, reasons, sales, taken, write


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, *, shade: int = 0) -> bytes:
    """A grey image of one line."""
    head = struct.pack(">IIBBBBB", width, 1, 8, 0, 0, 0, 0)
    body = zlib.compress(b"\x00" + bytes([shade % 256]) * width)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


PNG = png(4)
GIF = b"GIF89a" + struct.pack("<HH", 1, 1) + b"\x00\x00\x00" + b"\x3b"
JPEG = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x0b\x08\x00\x01\x00\x02\x01\x01\x11\x00\xff\xda\x00\x02x\xff\xd9"
WEBP = b"RIFF" + struct.pack("<I", 8) + b"WEBPdata"
BMP = b"BM" + struct.pack("<I", 30) + b"\x00" * 24


@pytest.mark.parametrize(
    ("media", "content", "wrong"),
    [
        ("image/png", PNG, None),
        ("image/png", b"GIF89a", "it does not begin like one"),
        ("image/png", PNG[:44], "its chunk 'IDAT' is torn"),
        ("image/png", PNG.replace(b"IDAT\x78", b"IDAT\x79"), "the checksum of its chunk 'IDAT' is wrong"),
        ("image/png", png(0), "it has no size"),
        ("image/png", PNG[:-12], "it ends before its end is told"),
        ("image/jpeg", JPEG, None),
        ("image/jpeg", JPEG[:-2], "it ends before its end is told"),
        ("image/jpeg", JPEG.replace(b"\xff\xc0", b"\xff\xe1"), "it has no size"),
        ("image/jpeg", JPEG[:8] + b"x" + JPEG[8:], "byte 8 begins no segment"),
        ("image/jpeg", JPEG[:12], "it ends before its end is told"),
        ("image/gif", GIF, None),
        ("image/gif", GIF[:-1], "it ends before its end is told"),
        ("image/gif", GIF[:6] + b"\x00\x00" + GIF[8:], "it has no size"),
        ("image/webp", WEBP, None),
        ("image/webp", WEBP[:-1], "it has 15 bytes and says that it has 16"),
        ("image/bmp", BMP, None),
        ("image/bmp", BMP[:-1], "it has 29 bytes and says that it has 30"),
        ("text/plain", "café".encode(), None),
        ("text/plain", b"caf\xe9", "byte 3 is no UTF-8"),
        ("application/octet-stream", b"\xff\x00", None),
    ],
)
def test_a_blob_is_looked_at(media: str, content: bytes, wrong: str | None) -> None:
    """Its beginning, its size and its end, and what says that it is whole."""
    judged = judge_blobs(pa.array([content]), Blob(media, 1000))
    assert dict(judged.bad) == ({} if wrong is None else {0: ("malformed-blob", f"is no {media}: {wrong}")})
    assert (judged.digests[0].as_py() is None) == (wrong is not None)


def test_rows_hold_the_digest_and_a_corrupt_image_is_set_aside(tmp_path: Path) -> None:
    """Equal images have one digest; the quarantine tells the size and not the bytes."""
    images = [PNG, PNG, None, PNG[:-3], png(900), *[png(2, shade=n) for n in range(9)]]
    source = sales(id="id", expect={"image": sp.blob("image/png", at_most=70)})
    raw = pa.table({"id": list(range(14)), "ts": moments(*["2013-01-01"] * 14), "image": pa.array(images)})
    done = taken(source, raw)
    assert reasons(done) == [
        ("malformed-blob", "row 4: image is no image/png: its chunk 'IEND' is torn"),
        ("too-large", f"row 5: image has {len(png(900))} bytes; expected at most 70"),
    ]
    assert json.loads(held_rows(done.quarantined)[0])["image"] == f"{len(PNG) - 3} bytes"
    digests = dict(zip(done.rows["id"].to_pylist(), done.rows["image"].to_pylist(), strict=True))
    assert (digests[0], digests[2]) == (digests[1], None)
    store = SqliteBlobs(tmp_path / "blobs.db")
    assert keep_blobs(source, raw, done.delivered, store) == 10
    assert keep_blobs(source, raw, done.delivered, store) == 0
    assert store.get([digests[0]]) == [PNG]
    store.close()


def test_text_formats_carry_blobs_in_base64(tmp_path: Path) -> None:
    """The digest is that of the bytes, wherever they came from."""
    words = base64.b64encode(PNG).decode()
    write(tmp_path / "s.jsonl", [{"ts": "2013-01-01", "image": word} for word in [words] * 9 + ["no base64"]])
    write(tmp_path / "s.csv", f'ts,image\n2013-01-01,"data:image/png;base64,{words}"\n')
    pq.write_table(pa.table({"ts": days(1), "image": [PNG]}), tmp_path / "s.parquet")
    found = set()
    for name in ("s.jsonl", "s.csv", "s.parquet"):
        source = sales(name, expect={"image": sp.blob("image/png")})
        done = taken(source, read_source(source, tmp_path))
        found |= set(done.rows["image"].to_pylist())
    assert len(found) == 1


MEASURED = """
import sys
from pathlib import Path
import numpy as np, pyarrow as pa
import setpoint as sp
from setpoint.backends.sqlite_blobs import SqliteBlobs
from setpoint.data.blobs import keep_blobs
from setpoint.data.contracts.contract import infer_contract
from setpoint.data.ingest.ingest_mapped import ingest_mapped, read_ingested
from setpoint.data.mapped import Spool, spooled
from setpoint.declare.source import info
from tests.unit.data.anonymous import anonymous_kb
from tests.unit.data.test_blobs import png
source = info(sp.events("sales", "s", id="id", at="ts", delay="0s", expect={"image": sp.blob("image/png")}))
IMAGE = png(2000)
for count in (2000, 100_000):
    folder = Path(sys.argv[1]) / str(count)
    folder.mkdir()
    with Spool(folder / "raw") as spool:
        for first in range(0, count, 2000):
            number = np.arange(first, first + 2000)
            images = pa.array([IMAGE + (n // 2).to_bytes(4, "big") for n in number.tolist()])
            spool.write(pa.table({"id": number, "ts": pa.array(number, pa.timestamp("us", tz="UTC")), "image": images}))
    (raw,) = spooled(folder / "raw")
    held = []
    ingest_mapped(infer_contract(source, raw), raw, folder, progress=lambda *_: held.append(anonymous_kb()))
    done = read_ingested(source, folder)
    new = keep_blobs(source, raw, done.delivered, SqliteBlobs(folder / "blobs.db"))
    print(done.rows.num_rows, new, max(*held, anonymous_kb()))
"""


def test_many_images_take_little_memory(tmp_path: Path) -> None:
    """A hundred thousand images, every one twice, and less than 100 MB more than for two thousand."""
    words = [sys.executable, "-c", MEASURED, str(tmp_path)]
    found = [int(one) for one in subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()]
    assert (found[0], found[1], found[3], found[4]) == (2000, 1000, 100_000, 50_000)
    assert found[5] - found[2] < 100_000


def test_a_system_keeps_the_images_of_its_source(tmp_path: Path) -> None:
    """By digest, for whoever shows them."""
    rows = [{"payment_id": "p", "ts": "2026-01-01T00:00:00Z", "card": "c0", "amount": 1.0, "scan": None}]
    table = pa.Table.from_pylist(rows).set_column(4, "scan", pa.array([PNG]))
    pq.write_table(table, tmp_path / "payments.parquet")
    declared = declare(tmp_path, "payments.parquet", expect={"scan": sp.blob("image/png")})
    with sp.open_system(declared, root=tmp_path) as live:
        digest: Any = live.rows["payments"]["scan"][0].as_py()
        assert live.blob(digest) == PNG
        assert live.blob("none") is None
        told = {**rows[0], "payment_id": "q", "scan": base64.b64encode(JPEG + PNG).decode()}
        receipt = live.event("payments", [told, {**told, "payment_id": "r", "scan": base64.b64encode(png(7)).decode()}])
        assert (receipt.accepted, [aside.rule for aside in receipt.quarantined]) == (1, ["malformed-blob"])
        live.close()
        assert live.blob(digest_bytes(png(7))) == png(7)
