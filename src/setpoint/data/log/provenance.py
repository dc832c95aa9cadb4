"""Provenance: the contract, files and batches that the rows of a source came from, as they were when it was read."""

from __future__ import annotations

from pathlib import Path

from setpoint.core.digest import digest_file
from setpoint.core.ports import Metadata
from setpoint.data.contracts.contract import Contract
from setpoint.data.files.read import source_files
from setpoint.data.log.taken import batches_taken
from setpoint.data.snapshots.manifest import Provenance
from setpoint.declare.source import SourceInfo


def trace_source(info: SourceInfo, contract: Contract, *, root: Path) -> Provenance:
    """Where the rows of a source come from that is read now; the batches are for `with_batches` to say.

    A source elsewhere has no files: what was read of it is in its batches.
    """
    files = {name: digest_file(path) for name, path in source_files(info, root).items()}
    return Provenance(contract.digest, files)


def with_batches(found: Provenance, info: SourceInfo, metadata: Metadata) -> Provenance:
    """The provenance with the batches that a live system took in of the source, so far."""
    return Provenance(found.contract, found.files, tuple(batches_taken(info, metadata)))
