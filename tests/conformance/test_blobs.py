"""Blobs: the backend against the laws."""

from __future__ import annotations

from pathlib import Path

from setpoint.backends.sqlite_blobs import SqliteBlobs
from setpoint.conformance.blobs import BlobsLaws
from setpoint.core.ports import Blobs, Clock


class TestSqliteBlobs(BlobsLaws):
    """SQLite."""

    def opened(self, folder: Path, clock: Clock) -> Blobs:
        """In a file."""
        return SqliteBlobs(folder / "blobs.db", clock=clock)
