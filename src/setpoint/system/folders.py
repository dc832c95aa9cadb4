"""Where a workspace keeps what it writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from setpoint.core.ports import Blobs, Clock, Metadata, OnlineState, Tables
from setpoint.core.settings import Settings
from setpoint.system.backends import open_blobs, open_metadata, open_state, open_tables, tables_in


@dataclass(frozen=True)
class Folders:
    """Where a workspace keeps what it writes; its tables are in the folder, too, where no URL says where."""

    home: Path
    tables_url: str = ""

    @property
    def models(self) -> Path:
        """Model files, by digest."""
        return self.home / "models"

    @property
    def log(self) -> Path:
        """Segments of the decision log."""
        return self.home / "log"

    @property
    def outcomes(self) -> Path:
        """Segments of the outcomes that were told."""
        return self.home / "outcomes"

    @property
    def events(self) -> Path:
        """Segments of the events that were told, a folder for each source."""
        return self.home / "events"

    @property
    def backfill(self) -> Path:
        """What holds a workspace against two backfills at once."""
        return self.home / "backfill"

    @property
    def tables(self) -> Path:
        """Parts of the sets of tables."""
        return self.home / "tables"

    @property
    def mapped(self) -> Path:
        """Sources that are larger than memory, as they were read."""
        return self.home / "mapped"

    def open_metadata(self, settings: Settings) -> Metadata:
        """The metadata database: the one the settings name, or SQLite in the folder."""
        return open_metadata(settings.metadata or f"sqlite:///{self.home / 'metadata.db'}")

    def open_tables(self) -> Tables:
        """The tables at the URL, or Parquet files in the folder."""
        return open_tables(self.tables_url) if self.tables_url else tables_in(self.tables)

    @property
    def blobs(self) -> Path:
        """The file of blobs, once there are any."""
        return self.home / "blobs.db"

    def open_blobs(self, clock: Clock) -> Blobs:
        """SQLite in the folder."""
        return open_blobs(self.blobs, clock)

    def open_state(self, settings: Settings) -> OnlineState:
        """The online state: the one the settings name, or SQLite in the folder."""
        return open_state(settings.online or f"sqlite:///{self.home / 'online.db'}")
