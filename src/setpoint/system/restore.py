"""A run brought back: its model and all that it needs in one folder, and the proof that it predicts the same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from setpoint.core.errors import DataError
from setpoint.learn.scorer import load_scorer
from setpoint.registry import capsule, models, runs
from setpoint.registry.card import make_card, to_markdown
from setpoint.registry.environment import environment as here
from setpoint.registry.probes import digest_of, load_probe, predicted_of
from setpoint.registry.rebuild import ask, needed, rebuild
from setpoint.system.backends import open_learners
from setpoint.system.opened import Opened
from setpoint.system.runs import Recorded, find_run

OTHER = "No card: the declaration of the system is another now than when the model was trained."
PROVE = "from setpoint.system.restore import prove; import json, sys; print(json.dumps(prove(sys.argv[1])))"
"""What the rebuilt Python runs."""


def restore(opened: Opened, which: str, folder: Path, *, environment: bool = False) -> dict[str, Any]:
    """Write the capsule of a run into a new folder, and say what differs here and whether it predicts the same.

    With `environment` the Python of the run is built anew in the folder, with the versions that it recorded, and the
    model predicts there as well. Raises NameUnknown for a run that there is not.
    """
    found = find_run(opened, which)
    workspace, settings = opened.workspaces.of(found.workspace)
    metadata = workspace.open_metadata(settings)
    try:
        run, model = found.run, found.run["model"]
        made = capsule.Capsule(
            model=models.folder_of(workspace.models, model),
            run=run,
            document=found.model,
            declaration=metadata.get(runs.DECLARED, run["declaration"]),
            card=_card(opened, found),
            code=runs.get_code(metadata, run["user_code"]),
            probe=load_probe(workspace.open_tables(), model),
        )
    finally:
        metadata.close()
    made.write(folder)
    told = {"run": run["run"], "model": model, "folder": str(folder), "differs": _listed(capsule.differing(run))}
    told["here"] = prove(folder)
    if environment:
        told["rebuilt"] = _rebuilt(folder, run)
    return told


def prove(folder: Path | str) -> dict[str, Any]:
    """Whether the model of a capsule predicts, here and now, the bytes that it predicted where it was made.

    Raises SourceMissing for a folder that is no capsule, ModelCorrupt for damaged files.
    """
    folder = Path(folder)
    run = capsule.record_in(folder)["run"]
    scorer = load_scorer(folder / capsule.MODEL, open_learners(1), expected=run["model"])
    told = {"model": run["model"], "python": here()["python"]}
    if not (folder / capsule.PROBE).is_file():
        return {**told, "rows": 0, "same": None, "because": "the run is from before rows were kept to prove it on"}
    probe = pq.read_table(folder / capsule.PROBE)
    before = predicted_of(probe)
    after = np.asarray(scorer.score(probe.select(list(scorer.inputs))), dtype=np.float64).reshape(before.shape)
    same = digest_of(before) == digest_of(after)
    off = 0.0 if same else float(np.nanmax(np.abs(after - before)))
    return {**told, "rows": probe.num_rows, "same": same, "digest": digest_of(after), "off": off}


def _card(opened: Opened, found: Recorded) -> str:
    """The card of the model; what is to be said where the declaration is another now, which a card would tell of."""
    if found.run["declaration"] != opened.declared.digest:
        return (
            f"{OTHER} {capsule.DECLARATION} is that of the run, and {capsule.RECORD} has what its card was made from.\n"
        )
    return to_markdown(make_card(found.model, opened.plan, run=found.run))


def _rebuilt(folder: Path, run: dict[str, Any]) -> dict[str, Any]:
    """What the capsule predicts in the Python that the run had."""
    if not (folder / capsule.OWN).is_dir():
        raise DataError(
            f"The run was made by other code of Setpoint than this ({run['code'][:12]}).",
            expected="the version of Setpoint that made it",
            hint="Install that version and restore with it; the capsule in the folder has all else.",
        )
    requirements = needed(run)
    python = rebuild(folder / capsule.PYTHON, requirements, python=run["environment"]["python"])
    told = ask(python, PROVE, str(folder), paths=[folder / capsule.OWN, folder / capsule.CODE])
    return {**json.loads(told), "packages": len(requirements)}


def _listed(differs: dict[str, tuple[str | None, str | None]]) -> list[dict[str, str | None]]:
    return [{"name": name, "was": was, "is": here} for name, (was, here) in differs.items()]
