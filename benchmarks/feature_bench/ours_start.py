"""What features cost before the first of them is read, in a process of its own.

python ours_start.py import
python ours_start.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from common.costs import peak_mb, spent, tell

before = spent()
from feature_bench.ours import read  # noqa: E402 (what importing costs is what is measured)
from feature_bench.ours_online import fed, payments, planned, windowed  # noqa: E402
from feature_bench.system import rows_of  # noqa: E402

imported = spent() - before


def first(folder: Path) -> None:
    """A few decisions read from files, a few payments taken in, and one decision online."""
    plan = planned(windowed(payments(late=True)))
    read(plan, folder, "arrived.parquet", compiled=True)
    fed(plan, "memory://", rows_of(folder / "arrived.parquet")).see({"ask": 1, "card": 1}, 2**52)


if __name__ == "__main__":
    loaded = "numba" in sys.modules
    before = spent()
    if sys.argv[1] != "import":
        first(Path(sys.argv[1]))
    tell(cpu=spent() - before, peak=peak_mb(), imported=imported, numba=loaded)
