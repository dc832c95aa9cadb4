"""Ports: the few methods through which anything outside is reached.

A backend is done when the port's conformance kit passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from setpoint.core.target import TWO_CLASSES, Target

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

Body = Mapping[str, Any]


class Clock(Protocol):
    """The time, in microseconds UTC.

    Laws: `now` never runs backwards; safe to share between threads.
    """

    def now(self) -> int:
        """The current time."""
        ...


class Metadata(Protocol):
    """Documents by noun and key: registry, audit, ticks, incidents, plans; and the step table.

    Laws: `put` then `get` gives an equal body; `put` of the same noun and key replaces; `append` never replaces and
    `find` gives appended documents in order of appending; inside `transaction` all writes appear together or not at
    all, also after kill -9; a body is JSON-like data and what is returned is the caller's own copy; safe to share
    between threads and processes; `lease` gives one owner at a time and lapses at its time.
    """

    def put(self, noun: str, key: str, body: Body) -> None:
        """Store a document, replacing the one of the same noun and key."""
        ...

    def get(self, noun: str, key: str) -> dict[str, Any] | None:
        """The document, or None."""
        ...

    def append(self, noun: str, bodies: Sequence[Body]) -> None:
        """Add documents to the noun's list."""
        ...

    def find(self, noun: str, **equal: Any) -> list[dict[str, Any]]:
        """The noun's documents whose top-level values equal these, in order of writing."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """All writes inside appear together, or none."""
        ...

    def lease(self, name: str, owner: str, now: int, until: int) -> bool:
        """Whether `owner` holds `name` until then; a lease that has lapsed by `now` can be taken."""
        ...

    def release(self, name: str, owner: str) -> None:
        """Give up a lease; nothing happens when it is not held by `owner`."""
        ...

    def close(self) -> None:
        """Let go of every resource."""
        ...


class Tables(Protocol):
    """Arrow tables on disk, by name of the set and part.

    Laws: a part is there whole or not at all, also after kill -9; writing a part again replaces it; `read` keeps the
    order of parts by name and of rows within one; what was written is read with equal values and types; `size` is what
    a part takes on disk, 0 where there is none.
    """

    def write(self, name: str, part: str, rows: pa.Table) -> str:
        """Store one part of a set; gives the digest of its content."""
        ...

    def read(self, name: str, *, columns: Sequence[str] | None = None, parts: Sequence[str] | None = None) -> pa.Table:
        """The rows of a set, of all its parts or of these."""
        ...

    def parts(self, name: str) -> list[str]:
        """The names of a set's parts, sorted."""
        ...

    def delete(self, name: str, part: str) -> None:
        """Remove one part; nothing happens when there is none."""
        ...

    def size(self, name: str, part: str) -> int:
        """How many bytes a part takes on disk."""
        ...


class Mark(NamedTuple):
    """How far a log was taken in: the position of its last row, and when that row became known, in microseconds."""

    position: int
    known_at: int


class OnlineState(Protocol):
    """What features are folded from at request time: a blob of bytes for each group and key, a mark for each group.

    Laws: `apply` writes blobs and moves marks together or not at all, also after kill -9 of the process; it changes
    nothing and gives False when one of the groups is not at the mark it is said to be at (None: it has none), so that
    of two writers one wins and delivering again is harmless; a blob written again replaces, an empty one removes;
    `read` gives marks and blobs of one moment, in the order asked for, None for what is not there; `forget` drops
    every blob of a group and its mark; groups, keys and blobs hold any text and bytes; safe to share between threads
    and processes.
    """

    def apply(self, moves: Mapping[str, tuple[Mark | None, Mark]], blobs: Sequence[tuple[str, str, bytes]]) -> bool:
        """Write blobs (group, key, bytes) and move groups from one mark to another; False when one has moved."""
        ...

    def read(
        self, groups: Sequence[str], keys: Sequence[tuple[str, str]]
    ) -> tuple[list[Mark | None], list[bytes | None]]:
        """The marks of groups, and the blobs of (group, key) pairs."""
        ...

    def marks(self) -> dict[str, Mark]:
        """The mark of every group."""
        ...

    def keys(self, group: str) -> Iterator[str]:
        """The keys of a group, in any order."""
        ...

    def forget(self, group: str) -> int:
        """Drop a group; gives how many blobs went."""
        ...

    def close(self) -> None:
        """Let go of every resource."""
        ...


@runtime_checkable
class KeepingState(OnlineState, Protocol):
    """An online state in this process whose groups may be kept by what knows the layout of their blobs.

    Laws: those of OnlineState; `keep` gives one and the same mapping for a group while the state is open, and its
    blobs are those of the group; `also` runs once where `apply` changes anything, before it writes, and nothing is
    read or applied meanwhile.
    """

    def keep(self, group: str, make: Callable[[], MutableMapping[str, bytes]]) -> MutableMapping[str, bytes]:
        """What keeps the blobs of a group: what `make` gives, where nothing keeps them yet."""
        ...

    def apply(
        self,
        moves: Mapping[str, tuple[Mark | None, Mark]],
        blobs: Sequence[tuple[str, str, bytes]],
        *,
        also: Callable[[], None] | None = None,
    ) -> bool:
        """Write blobs and move groups as OnlineState does; `also` writes more into what keeps a group."""
        ...


class Events(Protocol):
    """Events in, by source: what became known, in the order in which it did.

    Laws: rows come in order of position, each position once, positions counted from 0 in the order of `known_at`;
    reading again gives equal rows; `read` never gives a row whose `known_at` is after `until`, nor says that a row ends
    at a position of such a row.
    """

    def sources(self) -> Sequence[str]:
        """The names of the sources."""
        ...

    def read(self, source: str, *, after: int, until: int) -> pa.Table:
        """A source's rows beyond a position that were known by a time."""
        ...


class Fetched(NamedTuple):
    """What a source elsewhere has: its rows as an Arrow table, or a file's bytes and the type that its server names.

    `name` is where it came from, as messages may show it: without a password.
    """

    name: str
    content: Any
    media: str = ""


Fetch: TypeAlias = Callable[[str, Sequence[str] | None], Fetched]
"""Gives all that is at a URL at one moment, or only these columns of it.

Raises SourceMissing where nothing is there, SourceUnavailable where the server cannot be asked, DataError for what it
refuses, and never says a password.
"""


@runtime_checkable
class FetchParts(Protocol):
    """A Fetch that can also give what is at a URL some rows at a time, so that it need not fit into memory.

    Laws: the parts one after the other are the rows that a call gives, of one moment; all have the same name, and the
    same columns.
    """

    def __call__(self, url: str, columns: Sequence[str] | None) -> Fetched:
        """All that is at a URL, or only these columns of it."""
        ...

    def parts(self, url: str, columns: Sequence[str] | None) -> Iterator[Fetched]:
        """The same, each time some of its rows as an Arrow table."""
        ...


@runtime_checkable
class FetchFile(Protocol):
    """A Fetch of files that can also write one to the disk, so that it need not fit into memory.

    Laws: `save` writes the bytes that a call gives, and raises what a call raises.
    """

    def __call__(self, url: str, columns: Sequence[str] | None) -> Fetched:
        """The file at a URL, in memory."""
        ...

    def save(self, url: str, path: Path) -> Fetched:
        """Write the file at a URL to a path; gives its name and type, and the path as its content."""
        ...


class Blobs(Protocol):
    """Whole files that rows carry with them, such as images, by the digest of their content.

    Laws: `put` then `get` gives the same bytes, also after kill -9; a digest is kept once, and putting it again changes
    nothing but when it was put last; `get` keeps the order asked for and gives None for what is not there; fetching one
    reads no other; `delete` looks at when a blob was put last in the moment in which it removes it, so that whoever
    puts one meanwhile keeps it; safe to share between threads and processes.
    """

    def put(self, blobs: Mapping[str, bytes]) -> int:
        """Keep blobs by their digests; gives how many were not there."""
        ...

    def sizes(self, *, before: int) -> dict[str, int]:
        """How many bytes each blob has that was put last before a time."""
        ...

    def delete(self, digests: Sequence[str], *, before: int) -> list[str]:
        """Remove those of these blobs that were put last before a time; gives which."""
        ...

    def get(self, digests: Sequence[str]) -> list[bytes | None]:
        """The blobs of these digests, in their order."""
        ...

    def close(self) -> None:
        """Let go of every resource."""
        ...


class BaseVersion(NamedTuple):
    """Which base model it is: the package that brings its weights, the package's version, and the weights' digest."""

    package: str
    version: str
    digest: str

    def __str__(self) -> str:
        return f"{self.package} {self.version} (weights {self.digest[:12]})"


class TextBase(Protocol):
    """A frozen base model of texts: from a text to numbers, whatever it was trained on and by whom.

    Laws: nothing is fetched, and nothing it was given changes it; `embed` of many texts is `embed` of each, bitwise, in
    any order, in any process that has the same `version`; a text of which nothing is known is a row of NaN, never an
    error; safe to share between threads; pickled it is opened anew, and what is opened has the same version or raises
    BaseChanged.
    """

    version: BaseVersion
    sizes: tuple[int, ...]
    """How many numbers it can give of a text, fewest first."""

    def embed(self, texts: Sequence[str], size: int) -> np.ndarray:
        """A float64 row of `size` numbers for each text."""
        ...


class Segments(Protocol):
    """An append-only log of byte records: decisions online, and events in.

    Laws: a record is on its way to disk before `append` returns, so kill -9 of the process loses none whose `append`
    returned; records come back in order, whole; a torn tail is cut at the first record whose checksum fails and
    reported, never returned; raises LogUnavailable, having written nothing, when the disk or quota is full.
    """

    def append(self, record: bytes) -> int:
        """Add one record; gives its position, counted from 0."""
        ...

    def read(self, after: int = -1) -> Iterator[tuple[int, bytes]]:
        """Positions and records beyond a position, in order."""
        ...

    def sync(self) -> None:
        """Force what was appended to the disk itself."""
        ...

    def forget(self, before: int) -> int:
        """Drop records before this position, or fewer where they share a file with later ones; gives how many went."""
        ...

    def close(self) -> None:
        """Let go of every resource."""
        ...


class Model(Protocol):
    """A trained model: from a matrix of numbers to what its target asks of each row, such as a probability.

    Laws: immutable; `predict` of many rows equals `predict` of each (bitwise where `row_exact`); `save` then the
    learner's `load` gives equal predictions, bitwise; a file that is not what was saved raises ModelCorrupt.
    """

    @property
    def row_exact(self) -> bool:
        """Whether a row has the same bits alone and in any batch."""
        ...

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """The probability of the positive class for each row of a float64 matrix, or what else the target is.

        NaN is NULL. A number for each row, or a row of them.
        """
        ...

    def importances(self) -> np.ndarray:
        """How much each input matters: not negative, adding up to 1 (all 0 when none is used)."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model's files into an existing folder."""
        ...


@runtime_checkable
class AdditiveModel(Model, Protocol):
    """A model that says what each input adds to the score of a row.

    Laws: those of Model; what the inputs and the base add up to is the row's log odds, to the ninth decimal of the
    probability; an input that the model does not read adds 0 to every row; of many rows it gives what it gives of each.
    """

    def contributions(self, rows: np.ndarray) -> np.ndarray:
        """For each row what each input adds to the log odds, and at the end the base, which is that of every row."""
        ...


class Learner(Protocol):
    """A family of models; a frozen recipe of parameters is handed to `fit`.

    Laws: the same recipe, rows and seed give the same bytes; `categories` names the columns that hold category
    codes (whole numbers from 0, NaN is NULL or unseen); weights are not negative, and weights of 1 are none, to the
    byte; a weight of 0 is a row that is not there; a weight of 2 is the row twice, up to the binning of the data.
    """

    name: str
    losses: tuple[str, ...]
    """What it can minimise: "log_loss", and "focal" where its recipes may say `focal_gamma`."""
    kinds: tuple[str, ...]
    """What it can be asked for, of `core.target.TARGETS`."""

    def recipes(self, *, rounds: int) -> list[dict[str, Any]]:
        """The fixed recipes to try, best guess first."""
        ...

    def fit(
        self,
        recipe: Mapping[str, Any],
        rows: np.ndarray,
        labels: np.ndarray,
        *,
        categories: Sequence[int],
        seed: int,
        weight: np.ndarray | None = None,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        validation_weight: np.ndarray | None = None,
        names: Sequence[str] = (),
        target: Target = TWO_CLASSES,
    ) -> tuple[Model, dict[str, Any]]:
        """A trained model and the recipe with what training settled (such as the number of rounds).

        `weight` and `validation_weight` say how much each row counts; None: each counts once.
        """
        ...

    def load(self, folder: Path) -> Model:
        """The model saved in a folder; raises ModelCorrupt when its files are not a saved model."""
        ...


class TracedParameter(NamedTuple):
    """A parameter in a short training: its largest gradient, how far it moved, and its largest value before."""

    name: str
    gradient: float
    moved: float
    size: float


class Trace(NamedTuple):
    """What a short training of one batch shows from within.

    `first` and `last` are the predictions of its rows before and after; `mixing` is how far the score of a row hangs on
    the rows beside it, as a share of how far it hangs on its own; `keeps` is whether a step adds to the gradients that
    the step before left over.
    """

    parameters: tuple[TracedParameter, ...]
    first: np.ndarray
    last: np.ndarray
    mixing: float
    keeps: bool


@runtime_checkable
class TracedLearner(Learner, Protocol):
    """A learner that trains by gradients and can be watched at it.

    Laws: those of Learner; `trace` trains as `fit` does, on one batch again and again, and leaves nothing behind.
    """

    def trace(
        self,
        rows: np.ndarray,
        labels: np.ndarray,
        *,
        categories: Sequence[int],
        seed: int,
        target: Target = TWO_CLASSES,
    ) -> Trace:
        """What a short training of these rows shows, by the learner's first recipe."""
        ...


@runtime_checkable
class DirectedLearner(Learner, Protocol):
    """A learner that can be told which inputs may only raise a score, or only lower it.

    Laws: those of Learner; a model that the learner `directed` gives was fitted with never falls when an input of
    direction 1 is raised, nor rises when one of direction -1 is, all others the same (a NULL is neither higher nor
    lower); without a direction it is the learner itself, to the byte; inputs are found by the `names` given to `fit`.
    """

    def directed(self, directions: Mapping[str, int]) -> Learner:
        """The learner that keeps to these directions: 1 or -1 by the name of an input that is a number."""
        ...


class Descent(NamedTuple):
    """The digest of a model, and of the model that it was updated from: none where it was fitted anew."""

    model: str
    parent: str


@runtime_checkable
class UpdatableLearner(Learner, Protocol):
    """A learner that can go on from a model of its own with newer rows alone.

    Laws: those of Learner; `update` leaves its parent as it is, to the byte, and gives another model; its descent
    names the parent, saved and loaded too; the same parent, recipe, rows and seed give the same bytes; inputs are
    those of the parent, so a code that it has not seen is NULL.
    """

    def ways(self, recipe: Mapping[str, Any], *, target: Target = TWO_CLASSES) -> tuple[str, ...]:
        """How a model of a recipe can be updated, of "refit" and "continue", the better one first; none: it cannot."""
        ...

    def update(
        self,
        parent: Model,
        recipe: Mapping[str, Any],
        rows: np.ndarray,
        labels: np.ndarray,
        *,
        way: str,
        categories: Sequence[int],
        seed: int,
        weight: np.ndarray | None = None,
        names: Sequence[str] = (),
        target: Target = TWO_CLASSES,
    ) -> Model:
        """What a parent becomes by these rows, which are newer than those that it has seen."""
        ...

    def descent(self, model: Model) -> Descent:
        """Which model it is, and which one it was updated from."""
        ...


class Span(NamedTuple):
    """Between what a parameter of a recipe lies: evenly, or by its logarithm, and whether it is a whole number."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


@runtime_checkable
class TunableLearner(Learner, Protocol):
    """A learner whose recipes can be searched for beyond the fixed ones.

    Laws: those of Learner; a recipe whose parameters are changed to any values inside their spans can be fitted.
    """

    def space(self) -> Mapping[str, Span]:
        """The parameters that are worth trying, and between what."""
        ...


class Sampler(Protocol):
    """Proposes points of a space, and learns from what earlier ones gave; lower values are better.

    Laws: the same space, seed and calls give the same points; a point lies inside the spans; every point asked for is
    told once, in the order of asking, None where nothing is known of it; one that was given up early ranks behind all
    that were not; `learn` tells of points that were not asked for.
    """

    def ask(self) -> dict[str, float | int]:
        """The next point to try."""
        ...

    def tell(self, value: float | None, *, early: bool = False) -> None:
        """What the oldest point that was asked for and not yet told gave, or had given when it was given up early."""
        ...

    def learn(self, point: Mapping[str, float | int], value: float) -> None:
        """What another point gave; a value outside its span counts as the nearest inside."""
        ...


Sampling: TypeAlias = Callable[[Mapping[str, Span], int], Sampler]
"""Opens a sampler of a space with a seed."""
