"""Between what the parameters of a learner are searched: what the learner states, or what the goal says instead."""

from __future__ import annotations

from collections.abc import Mapping

from setpoint.core.errors import DeclarationError, NameUnknown
from setpoint.core.ports import Learner, Span, TunableLearner
from setpoint.declare.search import Search

Spaces = Mapping[str, Mapping[str, Span]]


def spaces_of(search: Search | None, learners: Mapping[str, Learner]) -> dict[str, dict[str, Span]]:
    """The space of each learner that can be searched beyond its fixed recipes.

    Raises NameUnknown for a learner that is not tried or a parameter that is not searched, DeclarationError for values
    that such a parameter cannot have.
    """
    found = {
        name: dict(learner.space())
        for name, learner in learners.items()
        if isinstance(learner, TunableLearner) and learner.space()
    }
    for learner, spans in () if search is None else search.space:
        if learner not in found:
            raise NameUnknown("learner", learner, found, where="The search of the goal")
        for name, low, high in spans:
            if name not in found[learner]:
                raise NameUnknown("parameter", name, found[learner], where=f"The space of the learner {learner!r}")
            found[learner][name] = _within(learner, name, found[learner][name], (low, high))
    return found


def _within(learner: str, name: str, usual: Span, ends: tuple[float, float]) -> Span:
    """The span between these ends, of the usual kind."""
    low, high = ends
    if usual.log and low <= 0:
        raise DeclarationError(
            f"The search of the goal lets {name} of the learner {learner!r} be {low:g}.",
            expected=f"numbers above 0, such as ({usual.low:g}, {usual.high:g})",
        )
    if usual.whole and not (float(low).is_integer() and float(high).is_integer()):
        raise DeclarationError(
            f"The search of the goal lets {name} of the learner {learner!r} lie between {low:g} and {high:g}.",
            expected=f"whole numbers, such as ({usual.low:g}, {usual.high:g})",
        )
    return usual._replace(low=low, high=high)
