"""Label programs, run: a vote of each program for each row, and the errors they made."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.core.errors import DeclarationError, NameUnknown
from setpoint.core.rng import seed_for
from setpoint.data.arrays import Array, null_mask, to_array
from setpoint.data.language.evaluate import Inputs, evaluate
from setpoint.data.rows import kinds
from setpoint.declare.expr import Column, FeatureRef, Field, walk
from setpoint.declare.programs import Class, LabelProgram, Programs
from setpoint.declare.source import info
from setpoint.labels.vote_patterns import ABSTAIN, Votes

TRIED = 1024
"""How many rows a program over arrays is tried on, whole and shuffled, before it is run on all of them."""

ALONE = 64
"""How many of these are also tried on their own."""


@dataclass(frozen=True)
class ProgramRun:
    """How one program was run: on `whole` arrays or row by row, for what `reason`; on how many rows it failed.

    A row on which it failed, or for which it gave no class, has its abstention; `first_error` tells the first of them.
    """

    name: str
    version: str
    whole: bool
    reason: str
    errors: int
    first_error: str | None


@dataclass(frozen=True)
class VoteMatrix:
    """The votes of programs: a line for each row, a column for each program, -1 where it abstains."""

    votes: Votes
    classes: tuple[Class, ...]
    runs: tuple[ProgramRun, ...]

    @property
    def programs(self) -> tuple[str, ...]:
        """The names of the programs."""
        return tuple(run.name for run in self.runs)

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions of the programs."""
        return tuple(run.version for run in self.runs)


def apply_programs(declared: Programs, inputs: Inputs) -> VoteMatrix:
    """The votes of declared programs for the rows of some inputs.

    A program that raises, or gives what is no class, abstains on that row; both are counted as errors.
    """
    votes = np.full((inputs.size, len(declared.programs)), ABSTAIN, dtype=np.int8, order="F")
    runs = []
    for column, program in enumerate(declared.programs):
        given = [evaluate(each, inputs) for each in program.reads]
        run = _whole if program.whole else _by_row
        votes[:, column], told = run(program, given, declared.classes)
        runs.append(told)
    return VoteMatrix(np.ascontiguousarray(votes), declared.classes, tuple(runs))


def apply_to_table(declared: Programs, table: pa.Table) -> VoteMatrix:
    """The votes of declared programs for the rows of a table, whose columns are what the programs read, by name.

    >>> from setpoint.declare.expr import field
    >>> from setpoint.declare.programs import label_program, programs
    >>> @label_program(field("subject"))
    ... def shouts(subject):
    ...     return True if subject.isupper() else None
    >>> matrix = apply_to_table(programs([shouts]), pa.table({"subject": ["FREE", "minutes", None]}))
    >>> matrix.votes.tolist(), matrix.runs[0].errors
    ([[1], [-1], [-1]], 1)
    """
    kind, read = kinds(table), {}
    columns, fields, features = {}, {}, {}
    nodes = [node for program in declared.programs for each in program.reads for node in walk(each)]
    for node in nodes:
        if isinstance(node, (Column, Field, FeatureRef)):
            if node.name not in kind:
                raise NameUnknown("column", node.name, kind, where="The table")
            if node.name not in read:
                read[node.name] = to_array(table[node.name], kind[node.name])
            if isinstance(node, Column):
                columns[info(node.source).name, node.name] = read[node.name]
            elif isinstance(node, Field):
                fields[node.name] = read[node.name]
            else:
                features[node.name] = read[node.name]
    return apply_programs(declared, Inputs(table.num_rows, columns=columns, fields=fields, features=features))


def _by_row(program: LabelProgram, given: Sequence[Array], classes: Sequence[Class]) -> tuple[Votes, ProgramRun]:
    """Votes of a program that takes plain values."""
    code: dict[Any, int] = {None: ABSTAIN, **{value: place for place, value in enumerate(classes)}}
    found: list[int] = []
    errors, first = 0, None
    for values in zip(*[_plain(each) for each in given], strict=True):
        try:
            answer = program.function(*values)
            found.append(code[answer])
        except Exception as error:  # noqa: BLE001 (foreign code: counted, and the first is told)
            found.append(ABSTAIN)
            errors += 1
            first = first or _failed(program, values, error, classes)
    run = ProgramRun(program.name, program.version, False, "declared for one row at a time", errors, first)
    return np.array(found, dtype=np.int8), run


def _whole(program: LabelProgram, given: Sequence[Array], classes: Sequence[Class]) -> tuple[Votes, ProgramRun]:
    """Votes of a program that takes arrays: all at once where that gives what rows on their own give."""
    tried = [values[:TRIED] for values in given]
    try:
        votes = _called(program, given, classes)
        reason = _disagrees(program, tried, votes[:TRIED], classes)
    except Exception as error:  # noqa: BLE001 (foreign code: the rows are run alone, where each error is counted)
        return _one_by_one(program, given, classes, reason=f"it raises {type(error).__name__} on whole arrays")
    if reason is not None:
        return _one_by_one(program, given, classes, reason=reason)
    wrong = np.flatnonzero(votes == NO_CLASS)
    told = None
    if wrong.size:
        told = _one_by_one(program, [values[wrong[:1]] for values in given], classes, reason="")[1].first_error
    votes[wrong] = ABSTAIN
    seen = f"the same on {tried[0].size} rows, shuffled, and on {min(ALONE, tried[0].size)} rows alone"
    return votes.astype(np.int8), ProgramRun(program.name, program.version, True, seen, int(wrong.size), told)


def _one_by_one(
    program: LabelProgram, given: Sequence[Array], classes: Sequence[Class], *, reason: str
) -> tuple[Votes, ProgramRun]:
    """Votes of a program that takes arrays, called with arrays of one row."""
    found = np.full(given[0].size, ABSTAIN, dtype=np.int8)
    errors, first = 0, None
    for row in range(found.size):
        one = [values[row : row + 1] for values in given]
        try:
            found[row] = _alone(program, one, classes)
        except Exception as error:  # noqa: BLE001 (foreign code: counted, and the first is told)
            errors += 1
            first = first or _failed(program, [_plain(values)[0] for values in one], error, classes)
    return found, ProgramRun(program.name, program.version, False, reason, errors, first)


NO_CLASS = -2
"""Where a program over arrays gave what is no class."""


def _called(program: LabelProgram, given: Sequence[Array], classes: Sequence[Class]) -> Array:
    """What a program gives for arrays, as numbers of classes."""
    size = given[0].size
    answers = np.asarray(program.function(*_shown(given)))
    if answers.shape != (size,):
        raise DeclarationError(
            f"The label program {program.name!r} gave an array of shape {answers.shape} for {size} rows.",
            expected="one class, or None, for each row",
        )
    found = np.full(size, NO_CLASS, dtype=np.int16)
    if answers.dtype.kind == "f":
        found[np.isnan(answers)] = ABSTAIN
    elif answers.dtype == object:
        found[null_mask(answers)] = ABSTAIN
    for place, value in enumerate(classes):
        found[np.asarray(answers == value, dtype=bool)] = place
    return found


def _alone(program: LabelProgram, one: Sequence[Array], classes: Sequence[Class]) -> int:
    """The vote of a program over arrays for one row; KeyError with the answer where that is no class."""
    vote = int(_called(program, one, classes)[0])
    if vote == NO_CLASS:
        raise KeyError(np.asarray(program.function(*_shown(one))).tolist()[0])
    return vote


def _disagrees(program: LabelProgram, tried: Sequence[Array], votes: Array, classes: Sequence[Class]) -> str | None:
    """Why a program over arrays is to be run row by row; None where it gives every row what it gives it alone."""
    size = tried[0].size
    order = np.random.default_rng(seed_for(0, "label program", program.name)).permutation(size)
    shuffled = _called(program, [values[order] for values in tried], classes)
    if not np.array_equal(shuffled, votes[order]):
        return "the order or the number of the rows changes its votes"
    for row in np.sort(order[:ALONE]).tolist():
        if _called(program, [values[row : row + 1] for values in tried], classes)[0] != votes[row]:
            return "a row on its own has another vote than among others"
    return None


def _shown(given: Sequence[Array]) -> list[Array]:
    """Arrays that a program can read and not write."""
    shown = [values.view() for values in given]
    for values in shown:
        values.flags.writeable = False
    return shown


def _plain(values: Array) -> list[Any]:
    """Values as a function of one row gets them: None for NULL."""
    found: list[Any] = values.tolist()
    for row in np.flatnonzero(null_mask(values)).tolist():
        found[row] = None
    return found


def _failed(program: LabelProgram, values: Sequence[Any], error: Exception, classes: Sequence[Class]) -> str:
    """What a program did wrong, with the values it had."""
    shown = ", ".join(text if len(text := repr(value)) <= 80 else f"{text[:77]}..." for value in values)
    last = traceback.extract_tb(error.__traceback__)[-1:]
    ours = not last or last[0].filename == __file__
    if ours and isinstance(error, (KeyError, TypeError)):
        given = repr(error.args[0]) if isinstance(error, KeyError) else str(error)
        return f"{program.name}({shown}) gave {given}, which is none of {list(classes)!r} nor None"
    return f"{program.name}({shown}) raised {type(error).__name__}: {error} (line {last[0].lineno if last else '?'})"
