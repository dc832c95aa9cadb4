"""Retirement: models that may not score any more leave the release, and the fallback rule decides until one passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from setpoint.rollout.advance import Act, ReleaseState


def retire(state: ReleaseState, reasons: Mapping[str, str]) -> tuple[ReleaseState, list[Act]]:
    """The state of a release without the models that `reasons` name, and the acts that say why each left.

    Where the champion leaves, all do: what shadows it was judged beside it.

    >>> state, acts = retire(ReleaseState(champion="m2", previous="m1", watched=1), {"m2": "its base is gone"})
    >>> state.champion, state.previous, [(act.kind, act.subject) for act in acts]
    (None, None, [('retire', 'm2')])
    """
    if state.waiting is not None and state.waiting in reasons:
        freed, acts = retire(replace(state, waiting=None, waiting_since=None), reasons)
        return freed, [Act("reject", state.waiting, reasons[state.waiting]), *acts]
    if state.champion is not None and state.champion in reasons:
        acts = [Act("retire", state.champion, f"{reasons[state.champion]}; the rule decides until another passes")]
        if state.challenger is not None:
            acts.append(Act("reject", state.challenger, "the champion that it shadows is retired"))
        bare = ReleaseState(last_training=state.last_training)
        return replace(bare, waiting=state.waiting, waiting_since=state.waiting_since), acts
    acts = []
    if state.challenger is not None and state.challenger in reasons:
        acts.append(Act("reject", state.challenger, reasons[state.challenger]))
        state = replace(state, challenger=None, challenger_since=None, looks=0)
    if state.previous is not None and state.previous in reasons:
        acts.append(Act("end_watch", state.previous, reasons[state.previous]))
        state = replace(state, previous=None, watched=0)
    return state, acts
