"""Sources over HTTP: files of every format from a real server, and what goes wrong on the way."""

from __future__ import annotations

import gzip
import io
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from setpoint.backends.http_source import HttpSource
from setpoint.core.errors import DataError, SourceMissing, SourceUnavailable
from setpoint.data.files.read import read_parts, read_source
from tests.http_server import HttpServer, http_server
from tests.servers import free_port
from tests.unit.data.make import sales

LINES = b'{"id": "a", "price": 1.5}\n{"id": "b", "price": 2}\n'
TABLE = pa.table({"id": ["a", "b"], "price": [1.5, 2.0]})


@pytest.fixture(scope="module")
def server() -> Iterator[HttpServer]:
    """One server for all tests."""
    with http_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's `.netrc` and nobody's proxy."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def read(url: str, **options: int | float) -> pa.Table:
    """The rows of the source at a URL."""
    fetch = HttpSource(**options)  # type: ignore[arg-type]
    return read_source(sales(url), Path("/nowhere"), fetchers={"http": fetch, "https": fetch})


def parquet() -> bytes:
    """The rows as a Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(TABLE, buffer)
    return buffer.getvalue()


def test_a_file_of_each_format_is_read(server: HttpServer) -> None:
    """By the end of its path, or by the type that the server names; rows have numbers and the URL as their file."""
    for path, body, media in (
        ("/sales.jsonl", LINES, "text/plain"),
        ("/sales.csv", b"id,price\na,1.5\nb,2\n", "application/octet-stream"),
        ("/sales.parquet", parquet(), "application/octet-stream"),
        ("/sales.jsonl.gz", gzip.compress(LINES, mtime=0), "application/gzip"),
        ("/export", LINES, "application/x-ndjson; charset=utf-8"),
        ("/list", b'[{"id": "a",\n"price": 1.5}, {"id": "b", "price": 2}]', "application/json"),
        ("/table", b"id\tprice\na\t1.5\nb\t2\n", "text/tab-separated-values"),
    ):
        url = server.put(path, body, Content_Type=media)
        rows = read(url + "?token=secret")
        assert rows["id"].to_pylist() == ["a", "b"], path
        assert [float(price) for price in rows["price"].to_pylist()] == [1.5, 2.0], path
        assert rows["__row"].to_pylist() == [1, 2], path
        assert rows["__file"].to_pylist() == [url] * 2


def test_a_file_comes_in_parts_from_the_disk(server: HttpServer, tmp_path: Path) -> None:
    """Of each format, and nothing is left there."""
    fetchers = {"http": HttpSource()}
    for path, body in (("/s.jsonl", LINES), ("/s.parquet", parquet()), ("/s.csv", b"id,price\na,1.5\nb,2\n")):
        source = sales(server.put(path, body))
        parts = list(read_parts(source, tmp_path, fetchers=fetchers, rows=1, size=16, work=tmp_path))
        assert [row["id"] for part in parts for row in part.to_pylist()] == ["a", "b"]
        assert len(parts) == 2
        assert {name for part in parts for name in part["__file"].to_pylist()} == {server.url + path}
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SourceMissing):
        list(read_parts(sales(server.url + "/none.csv"), tmp_path, fetchers=fetchers))


def test_a_coding_and_redirects_are_followed(server: HttpServer) -> None:
    """What the server compressed is unpacked, and where it points to is read."""
    coded = server.put("/coded.jsonl", gzip.compress(LINES, mtime=0), Content_Encoding="gzip")
    assert read(server.put("/moved.jsonl", b"", status=302, Location=coded)).num_rows == 2


def test_a_coding_may_have_several_parts(server: HttpServer) -> None:
    """As RFC 1952 allows and some servers send: what stands behind the first part is read too, within the limit."""
    lines = LINES.splitlines(keepends=True)
    body = b"".join(gzip.compress(line, mtime=0) for line in lines)
    coded = server.put("/parts.jsonl", body, Content_Encoding="gzip")
    assert read(coded, most=len(LINES))["id"].to_pylist() == ["a", "b"]
    with pytest.raises(DataError, match="more than"):
        read(coded, most=len(LINES) - 1)
    with pytest.raises(SourceUnavailable, match="broke off"):
        read(server.put("/cut.jsonl", body[:-9], Content_Encoding="gzip"))


@pytest.mark.parametrize(
    ("path", "body", "headers", "error", "words"),
    [
        ("/gone.csv", b"", {"status": 410}, SourceMissing, "nothing at .*gone.csv .410"),
        ("/broken.csv", b"", {"status": 500}, SourceUnavailable, "answered 500"),
        ("/closed.csv", b"", {"status": 403}, SourceUnavailable, r"refuses \(403.*netrc"),
        ("/short.csv", b"id\na\n", {"Content_Length": "99"}, SourceUnavailable, "broke off after 5 of 99 bytes"),
        (
            "/cut.csv",
            gzip.compress(b"id\na\n", mtime=0)[:-9],
            {"Content_Encoding": "gzip"},
            SourceUnavailable,
            "broke off",
        ),
        ("/noise.csv", b"id\na\n", {"Content_Encoding": "gzip"}, SourceUnavailable, "gzip coding is broken"),
        ("/odd.csv", b"id\na\n", {"Content_Encoding": "br"}, DataError, "coding 'br'"),
        ("/thing", b"id\na\n", {"Content_Type": "image/png"}, DataError, "neither the name .* 'image/png'"),
        ("/sales.parquet", b"id\na\n", {}, DataError, "cannot be read as parquet"),
        ("/away.csv", b"", {"status": 302, "Location": "file:///etc/passwd"}, SourceUnavailable, "302"),
        ("/ftp.csv", b"", {"status": 302, "Location": "ftp://127.0.0.1/x"}, SourceUnavailable, "302"),
    ],
)
def test_what_cannot_be_read_is_told(
    server: HttpServer, path: str, body: bytes, headers: dict[str, str], error: type[Exception], words: str
) -> None:
    """With the URL but without its query, where a token may be."""
    url = server.put(path, body, **headers)
    with pytest.raises(error, match=words) as caught:
        read(url + "?token=secret")
    assert "secret" not in str(caught.value)
    assert path in str(caught.value)


def test_a_path_that_nobody_serves_is_missing(server: HttpServer) -> None:
    """404 is an answer."""
    with pytest.raises(SourceMissing, match="404"):
        read(f"{server.url}/nothing.csv")


def test_a_file_beyond_the_limit_is_refused(server: HttpServer) -> None:
    """Also one that grows beyond it when it is unpacked; up to the limit it is read."""
    plain = server.put("/plain.jsonl", LINES)
    bomb = server.put("/bomb.jsonl", gzip.compress(b" " * 10_000_000, mtime=0), Content_Encoding="gzip")
    assert read(plain, most=len(LINES)).num_rows == 2
    for url, most in ((plain, len(LINES) - 1), (bomb, 1_000_000)):
        with pytest.raises(DataError, match=f"more than {most} bytes"):
            read(url, most=most)


def test_a_server_that_does_not_answer_is_not_waited_for() -> None:
    """One that is not there, and one that takes the connection and says nothing."""
    with pytest.raises(SourceUnavailable, match="refused"):
        read(f"http://127.0.0.1:{free_port()}/sales.csv")
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(SourceUnavailable, match="timed out"):
        read(f"http://127.0.0.1:{silent.getsockname()[1]}/sales.csv", seconds=0.1)


def test_what_is_no_http_is_told() -> None:
    """A server of something else."""
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(SourceUnavailable, match="SSH"):
            read(f"http://127.0.0.1:{other.getsockname()[1]}/sales.csv")
        thread.join()


def test_a_url_holds_no_password(server: HttpServer) -> None:
    """Since declarations are shown, stored and shared; `.netrc` has it, for this host only."""
    url = server.put("/private.jsonl", LINES)
    with pytest.raises(DataError, match=r"netrc") as caught:
        read(url.replace("//", "//me:s3cret@"))
    assert "s3cret" not in str(caught.value)
    (Path.home() / ".netrc").write_text("machine 127.0.0.1 login me password s3cret\n")
    (Path.home() / ".netrc").chmod(0o600)
    assert read(url).num_rows == 2
    assert server.asked[-1]["Authorization"] == "Basic bWU6czNjcmV0"
    (Path.home() / ".netrc").write_text("machine elsewhere login me password s3cret\ndefault login x password y\n")
    read(url)
    assert "Authorization" not in server.asked[-1]
    (Path.home() / ".netrc").write_text("nonsense\n")
    with pytest.raises(DataError, match="netrc cannot be read"):
        read(url)


def test_a_scheme_that_nothing_fetches_from_is_told() -> None:
    """With those that something does."""
    with pytest.raises(SourceMissing, match=r'at s3://.*"http://"'):
        read("s3://bucket/sales.csv")
    with pytest.raises(SourceMissing, match=r"Expected: a file\."):
        read_source(sales("http://x/sales.csv"), Path("/nowhere"))
