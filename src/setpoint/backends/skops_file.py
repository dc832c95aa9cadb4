"""A fitted object of scikit-learn as bytes, without pickle: the same object gives the same bytes."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from setpoint.core.errors import MissingExtra, ModelCorrupt

SCHEMA = "schema.json"
TRUSTED = ("sklearn.", "numpy.", "scipy.")
"""Where the types come from that are read; what anything else would run at loading is not known."""
_WHEN = (1980, 1, 1, 0, 0, 0)


def to_bytes(fitted: object) -> bytes:
    """What skops writes, with its numbers of objects in order of appearance and no time: skops tells addresses."""
    skops = _skops()
    with zipfile.ZipFile(io.BytesIO(skops.dumps(fitted))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    schema, numbers, files = json.loads(parts.pop(SCHEMA)), dict[int, int](), dict[str, str]()

    def renumber(part: Any) -> Any:
        if isinstance(part, list):
            return [renumber(each) for each in part]
        if not isinstance(part, dict):
            return part
        found: dict[str, Any] = {}
        for key, value in part.items():
            if key == "__id__":
                found[key] = numbers.setdefault(value, len(numbers))
            elif key == "file" and isinstance(value, str) and value in parts:
                stem, dot, end = value.rpartition(".")
                found[key] = files.setdefault(value, f"{len(files)}{dot}{end}" if stem else value)
            else:
                found[key] = renumber(value)
        return found

    told = json.dumps(renumber(schema), sort_keys=False, separators=(",", ":")).encode()
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in ((SCHEMA, told), *((new, parts[old]) for old, new in files.items())):
            archive.writestr(zipfile.ZipInfo(name, _WHEN), data, zipfile.ZIP_DEFLATED)
    return written.getvalue()


def strange_types(data: bytes) -> list[str]:
    """The types in the bytes that come from elsewhere than scikit-learn, numpy and scipy."""
    found = _skops().get_untrusted_types(data=data)
    return sorted(name for name in found if not name.startswith(TRUSTED))


def from_bytes(data: bytes) -> Any:
    """The object; raises ModelCorrupt, before anything of it is built, where a type comes from elsewhere."""
    strange = strange_types(data)
    if strange:
        raise ModelCorrupt(
            f"The model holds {', '.join(strange)}.",
            expected="types of scikit-learn, numpy and scipy alone",
            hint="A file may run what its types do; nothing else is ever read.",
        )
    skops = _skops()
    return skops.loads(data, trusted=skops.get_untrusted_types(data=data))


def _skops() -> Any:
    try:
        import skops.io
    except ImportError as error:
        raise MissingExtra("skops", "sklearn") from error
    return skops.io
