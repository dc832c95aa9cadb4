"""A candidate approved, declined, or released although the gate refused it: by whom and why, in the audit trail."""

from __future__ import annotations

from typing import Any

from setpoint.core.errors import Busy, GateRefused, NameUnknown, NothingYet, WrongType
from setpoint.core.ports import Metadata
from setpoint.features.training_set import TrainingSet
from setpoint.loop import open_loop, take_answers
from setpoint.registry import audit, models, runs
from setpoint.registry.card import make_card, to_markdown
from setpoint.rollout.advance import ReleaseState
from setpoint.rollout.approval import (
    APPROVE,
    DECLINE,
    OVERRIDE,
    Answer,
    became_of,
    check_answer,
    write_answer,
)
from setpoint.system.opened import Opened
from setpoint.system.workspaces import LIVE
from setpoint.watch.told import told_act


def approve(opened: Opened, candidate: str, *, by: str, reason: str = "", decline: bool = False) -> dict[str, Any]:
    """Say yes, or with `decline` no, to the candidate that waits, named by the beginning of its digest."""
    return _answer(opened, candidate, DECLINE if decline else APPROVE, by=by, reason=reason)


def override(opened: Opened, candidate: str, *, by: str, reason: str) -> dict[str, Any]:
    """Release a candidate that the gate refused, by name and with a reason."""
    if not reason.strip():
        raise WrongType("Nothing says why the gate's refusal is overridden.", expected="a reason")
    return _answer(opened, candidate, OVERRIDE, by=by, reason=reason)


def _answer(opened: Opened, candidate: str, act: str, *, by: str, reason: str) -> dict[str, Any]:
    """Write down what somebody says, and take it up, unless another process is the live system: then that does."""
    if not by.strip():
        raise WrongType(f"Nobody is named who says {act!r}.", expected="by=, a name or address")
    now = opened.clock.now()
    opened.workspaces.adopt(now)
    if not opened.workspaces.live.home.exists():
        raise NothingYet(
            f"The system {opened.declared.name!r} has no candidate.",
            expected="a training",
            hint="Run `setpoint train` or `setpoint serve` first.",
        )
    metadata = opened.workspaces.live.open_metadata(opened.settings)
    try:
        answer = Answer(_candidate(opened, metadata, candidate, act), act, by, reason, now)
        write_answer(metadata, answer)
        _take_up(opened, now)
        return _told(opened, metadata, answer)
    finally:
        metadata.close()


def _candidate(opened: Opened, metadata: Metadata, which: str, act: str) -> str:
    """The digest that a beginning of it names, of a candidate that what is said fits; raises GateRefused for others."""
    known: dict[str, dict[str, Any]] = {
        str(each["model"]): each for each in models.all_models(metadata, system=opened.declared.name)
    }
    found = [model for model in known if which and model.startswith(which)]
    if len(found) != 1:
        raise NameUnknown("candidate", which, known, where="The live system")
    model, state = found[0], metadata.get("loop", opened.declared.name)
    release = ReleaseState() if state is None else ReleaseState.from_dict(state["release"])
    check_answer(release, model, act, report=known[model]["report"])
    run = runs.runs_of(metadata, model)[-1]
    if act != DECLINE and run["declaration"] != opened.declared.digest:
        raise GateRefused(
            f"The model {model[:12]} was trained and judged by another declaration than this one.",
            expected="a candidate of the declaration as it is",
            hint="Run `setpoint train` again.",
        )
    return model


def _take_up(opened: Opened, now: int) -> None:
    """Take up what was said; where another process holds the live system, it does within its next refresh."""

    def none(_: int) -> TrainingSet:
        raise NothingYet("Answers are taken up without a training set.")

    try:
        with opened.open(opened.workspaces.live, opened.clock, what=LIVE) as (work, _):
            take_answers(open_loop(opened.plan, work, {}, none, started=now), now)
    except Busy:
        return


def _told(opened: Opened, metadata: Metadata, answer: Answer) -> dict[str, Any]:
    became = became_of(metadata, answer)
    state = metadata.get("loop", opened.declared.name)
    release = {} if state is None else state["release"]
    roles = {"champion": "decides", "challenger": "shadows the champion"}
    role = next((words for name, words in roles.items() if release.get(name) == answer.model), "does not decide")
    acts = audit.trail(metadata, subject=answer.model)
    document, run = models.get(metadata, answer.model), runs.runs_of(metadata, answer.model)[-1]
    return {
        "system": opened.declared.name,
        "model": answer.model,
        "said": answer.act,
        "by": answer.by,
        "reason": answer.reason,
        "became": became,
        "role": role if became is not None else "waits until the live system, another process, takes this up",
        "against": list(document["report"]["reasons"]),
        "acts": [told_act(each) for each in acts],
        "card": to_markdown(make_card(document, opened.plan, run=run, acts=acts)),
    }
