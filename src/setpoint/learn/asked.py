"""Whether labels that people were asked for at random suffice to judge a model by."""

from __future__ import annotations

import math

from setpoint.data.labels import ACQUIRED, AT_RANDOM, PICKED
from setpoint.declare.plan import Plan
from setpoint.learn.gate import HOLDS, REPORTED, UNKNOWN, Verdict
from setpoint.learn.picked import rarer
from setpoint.learn.sides import LEAST_EACH, Sides, ask_for, more_at_random

NAME = f"labels to judge by of each class >= {LEAST_EACH}"


def judged_by(plan: Plan, sides: Sides) -> tuple[Verdict, ...]:
    """What the held-out rows are where people were asked for labels, and whether they are enough; nothing otherwise.

    Rows count by their weights (Kish 1965), as those asked for at random stand for many others. Where most held-out
    labels are natural, it is reported and holds nothing back.
    """
    counts = sides.acquired
    if counts is None:
        return ()
    rows, held_out, older = sides.held_out, counts["held_out"], counts["train"]
    least = rarer(rows.y, rows.weight)
    reason = (
        f"{held_out[ACQUIRED[AT_RANDOM]]} of the {rows.y.size} held-out labels were asked for at random and weigh by "
        f"their chance; {older[ACQUIRED[PICKED]]} labels that a strategy picked trained it and judge nothing"
    )
    if least >= LEAST_EACH or not sides.asked:
        verdict = HOLDS if sides.asked else REPORTED
        return (Verdict(NAME, verdict, LEAST_EACH, least, least, None, reason),)
    more = math.ceil(more_at_random(rows.y, rows.weight) / plan.held_out)
    reason += f"; {least:.3g} of the rarer class do not suffice. {ask_for(plan, more)}"
    return (Verdict(NAME, UNKNOWN, LEAST_EACH, least, least, more, reason),)
