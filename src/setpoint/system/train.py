"""One candidate trained, judged, and offered for release."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from setpoint.core.clock import SimulatedClock
from setpoint.core.errors import DataError, NothingYet
from setpoint.data.log.decisions import plan_sources, positions_known
from setpoint.data.snapshots.snapshot import ContentDigests, take_snapshot
from setpoint.declare.goal_kind import RANKING
from setpoint.declare.update import BEST, check_update
from setpoint.features.training_set import TrainingSet
from setpoint.history import examples_of, requests_of
from setpoint.labels.told import beside_sources
from setpoint.learn.framings import check_framings
from setpoint.learn.recipe import Recipe
from setpoint.learn.study import check_study, study
from setpoint.loop import open_loop, train_once
from setpoint.registry import audit, models, runs
from setpoint.registry.card import make_card, to_markdown
from setpoint.serve.batch import decide_many
from setpoint.serve.snapshot import Serving
from setpoint.system.disputed import disputed
from setpoint.system.features import read_features
from setpoint.system.opened import Opened
from setpoint.system.people import votes_on
from setpoint.system.told import told_labels
from setpoint.system.workspaces import LIVE
from setpoint.watch.told import told_act, told_gate


def train(
    opened: Opened,
    *,
    as_of: int | None = None,
    ablate: bool = False,
    curve: bool = False,
    framings: bool = False,
    update: bool = False,
    search: bool = False,
) -> dict[str, Any]:
    """Train one candidate on what was known at a time (default: now), judge it, and offer it for release.

    `ablate` asks what its features are worth, `curve` what more rows would be; that of a ranking raises DataError.
    `framings` compares what decisions framed otherwise are worth, and raises DataError of a goal with one framing. With
    `update` the champion is also updated by newer rows, and the better of the two is the candidate.
    With `search` the recipe is searched for anew.
    """
    if curve and opened.plan.system.kind == RANKING:
        raise DataError(
            "A learning curve of a ranking: no item of it is wrong by itself.",
            expected="a goal whose metric is a mean over rows",
            hint="`--ablate` says of rankings too what features are worth.",
        )
    plan, contents, told = opened.plan, ContentDigests(), told_labels(opened)
    if framings:
        check_framings(plan)
    if update:
        check_update(plan.system, BEST)
    now = opened.clock.now() if as_of is None else as_of
    with (
        opened.open(opened.workspaces.live, SimulatedClock(now), what=LIVE) as (work, _),
        opened.events.log(work.metadata, work.tables) as events,
    ):
        rows = dict(events.tables)
        requests = requests_of(plan, rows, start=None, end=now)
        features = read_features(opened, rows, requests.table, requests.at)
        positions = positions_known(rows, plan_sources(plan), requests.at)
        log = decide_many(requests.table, requests.at, features, Serving(plan), positions=positions)

        def examples(moment: int) -> TrainingSet:
            known = beside_sources(rows, told, moment)
            return examples_of(plan, log, take_snapshot(known, moment, contents=contents))

        watched = replace(
            work,
            clock=opened.clock,  # when it is written down, which an earlier `as_of` does not change
            told=lambda: told,
            disputed=partial(disputed, opened),
            votes=partial(votes_on, opened),
            read=partial(read_features, opened),
        )
        loop = open_loop(plan, watched, rows, examples, started=now)
        if update and loop.state.release.champion is None:
            raise NothingYet(
                f"No model of the system {plan.system.name!r} decides yet.",
                expected="a champion to update",
                hint="`setpoint train` without --update trains the first one.",
            )
        if ablate or curve or framings:
            check_study(plan, examples(now), seed=work.seed, features=ablate, curve=curve, framings=framings)
        model = train_once(loop, now, reason="asked for", update=BEST if update else None, search=search)
        document = models.get(work.metadata, model)
        studied: dict[str, Any] = {}
        if ablate or curve or framings:
            recipe = Recipe.from_dict(document["recipe"])
            studied = study(
                plan,
                examples(now),
                learners=work.learners,
                recipe=recipe,
                seed=work.seed,
                features=ablate,
                curve=curve,
                framings=framings,
            )
        found = runs.runs_of(work.metadata, model)[-1]
        acts = [told_act(act) for act in audit.trail(work.metadata, at=now)]
        said = audit.trail(work.metadata, subject=model)
        waits = loop.state.release.waiting == model
    goal = plan.system.goal
    gate = told_gate(document, metric=str(goal.metric), unit=goal.business)
    return {
        **gate,
        **studied,
        "system": plan.system.name,
        **({"goes_by": document["goes_by"]} if "goes_by" in document else {}),
        "rows": document["rows"]["usable"],
        "recipe": document["recipe"],
        "trials": document["trials"],
        **({"search": document["search"]} if "search" in document else {}),
        "cpu_seconds": found["cpu_seconds"],
        "card": to_markdown(make_card(document, plan, run=found, acts=said)),
        "acts": acts,
        "waits": waits,
    }
