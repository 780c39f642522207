"""What is found out about each target, and how its run has ended: values for all screens and formats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlmigrate.database.session import new_run
from sqlmigrate.errors import ConnectError, Kind, LockError, SqlmigrateError, StatementError
from sqlmigrate.executor.events import Event, Finished, Noted, NotTried
from sqlmigrate.executor.step_run import LOCKED_OUT
from sqlmigrate.files.migration import Migration

from .agreeing import Known, among_others
from .differing import own, shared, what_is_meant
from .target import Target

# `left out` is decided by the look, before anything is executed; `not begun` by what happened to other targets.
# `interrupted` was rolled back, or stays recorded as far as it came; `not known`: its history could not be read then.
State = Literal[
    "done",
    "up to date",
    "failed",
    "locked",
    "another run",
    "unreachable",
    "left out",
    "interrupted",
    "not known",
    "not begun",
    "tried",
    "tried in part",
    "not tried",
]

TRIED: tuple[State, ...] = ("tried", "tried in part", "not tried")  # how a dry run ends that has not failed
SETTLED: tuple[State, ...] = ("done", "up to date", *TRIED)  # nothing is left to be done
WITH_ERROR: tuple[State, ...] = (
    "failed",
    "not known",
    "locked",
    "another run",
    "unreachable",
)  # of a run; a look has `left out`


@dataclass(frozen=True)
class Look:
    """What the look at a target has found, before anything is executed.

    Attributes:
        needs: The labels of the migrations that are to be executed, or undone, in their order.
        error: Why the target is left out; None if it can be executed.
        executed: The migrations that are executed there as they are in the folder, as far as that is known.
        is_alone: Whether a file without a transaction is among them: one at a time in its database.
        versions: The first and the last version of them; empty if there are none.
        newest: The label of the newest executed migration; empty if none is executed, None if that is not known.
        stays: The same, when all that is needed is undone.
        place: What tells the database and the schema from all others, whatever they are called; empty if that is not
            known.
        notes: What is to be known of a target that needs nothing, such as an executed file that is missing.
    """

    needs: tuple[str, ...] = ()
    error: SqlmigrateError | None = None
    executed: tuple[Migration, ...] = ()
    is_alone: bool = False
    versions: tuple[str, ...] = ()
    newest: str | None = None
    stays: str = ""
    place: tuple[str, ...] = ()
    notes: tuple[SqlmigrateError, ...] = ()

    @property
    def state(self) -> Literal["pending", "up to date", "left out", "unreachable"]:
        """What it means in a word."""
        if self.error:
            return "unreachable" if isinstance(self.error, ConnectError) else "left out"
        return "pending" if self.needs else "up to date"


@dataclass(frozen=True)
class Looked:
    """A target was looked at; nothing is executed yet."""

    look: Look


@dataclass(frozen=True)
class Started:
    """The run of a target begins, or begins again after it was in the queue."""


@dataclass(frozen=True)
class Queued:
    """A target waits for others: for their locks, or for another run. Its own run has ended, and begins again later.

    Attributes:
        pause: How long it waits at least, in seconds.
        next_try: When it may begin again, in UTC by the clock of this machine.
    """

    pause: float
    next_try: datetime


@dataclass(frozen=True)
class Ended:
    """A target has ended: its last event.

    Attributes:
        state: How.
        executed: The labels of the migrations that were executed, or undone.
        error: The error; None if there is none.
        migration: The migration that failed, or was interrupted; empty if none was.
        kept: What of that migration stays in the database, or that this is not known; empty if it was rolled back.
        not_tried: What a dry run could not try, each with its reason.
        duration_ms: How long it took, in milliseconds, without the time in the queue.
        has_run: Whether its run had begun. If not, it was left out, had nothing to do, or was not begun.
    """

    state: State
    executed: tuple[str, ...] = ()
    error: SqlmigrateError | None = None
    migration: str = ""
    duration_ms: int = 0
    kept: tuple[str, ...] = ()
    not_tried: tuple[NotTried, ...] = ()
    has_run: bool = True


FleetEvent = Event | Looked | Started | Queued | Ended
Told = tuple[Target, FleetEvent]


def state_of_error(error: SqlmigrateError, executed: Sequence[str] = ()) -> State:
    """Return how a run has ended that an error has ended."""
    if isinstance(error, LockError):
        return "another run"
    if isinstance(error, StatementError) and error.sqlstate in LOCKED_OUT:
        return "locked"
    return "unreachable" if isinstance(error, ConnectError) and not executed else "failed"


Cause = tuple[str, str, int]


def cause_of(error: SqlmigrateError) -> Cause:
    """Return what two failures have in common that have one cause: the code, the file and the line.

    An error without a place in a file is compared by its message; one that has a place in the order, and another run
    in the way, by what it is: their messages name times and sessions.
    """
    if error.kind is Kind.OUT_OF_ORDER or isinstance(error, LockError):
        return error.kind or type(error).__name__, "", 0
    code = error.sqlstate if isinstance(error, StatementError) else None
    if error.span:
        return code or type(error).__name__, error.span.source.path, error.span.line
    return code or type(error).__name__, what_is_meant(error.message), 0


@dataclass(frozen=True)
class Group:
    """Targets with one cause.

    Attributes:
        error: What is true for all of them.
        names: The names of the targets, in their order.
        own: What is true for one of them only, by its name; without those that have nothing of their own.
    """

    error: SqlmigrateError
    names: tuple[str, ...]
    own: tuple[tuple[str, SqlmigrateError], ...] = ()


def grouped(errors: Iterable[tuple[str, SqlmigrateError]], known: Known | None = None) -> tuple[Group, ...]:
    """Put targets with the same cause together, those that are the most first; a target is in a group for each error.

    `known` says what the others have executed; without it nothing is said of that.
    """
    found: dict[Cause, dict[str, SqlmigrateError]] = {}
    for name, error in errors:
        for each in (error, *error.others):
            found.setdefault(cause_of(each), {}).setdefault(name, each.with_(others=()))
    told = (among_others(of, known) if known else of for of in found.values())
    return tuple(sorted(map(_group, told), key=lambda group: -len(group.names)))


def _group(errors: Mapping[str, SqlmigrateError]) -> Group:
    common = shared(list(errors.values()))
    found = ((name, own(error, common)) for name, error in errors.items())
    return Group(common, tuple(errors), tuple((name, error) for name, error in found if error))


class Summary:
    """What a run of a fleet has done so far, collected from what it tells.

    Attributes:
        targets: All targets.
        run: What the logs of all databases call this run.
        looks: What the look has found.
        ended: How the run of each target has ended.
        under_way: The names of the targets that are being executed.
        canaries: The names of those that are executed first, known when all are looked at.
        notes: What the looks and the runs have noted, each with the name of its target.
        is_dry_run: Whether all is rolled back.
        reason: Why nothing new is begun any more; empty as long as others are.
    """

    def __init__(self, targets: Sequence[Target], ask_all: str = "", *, is_dry_run: bool = False) -> None:
        """Begin with what is known: the targets, how to ask those that were not chosen, and if it is a dry run."""
        self.targets = tuple(targets)
        self._ask_all = ask_all
        self.is_dry_run = is_dry_run
        self._paths: dict[str, str] = {}  # of the files, by the labels of their migrations
        self.run = new_run()
        self.looks: dict[str, Look] = {}
        self.ended: dict[str, Ended] = {}
        self.under_way: dict[str, Started] = {}
        self.canaries: tuple[str, ...] = ()
        self.reason = ""
        self.notes: list[tuple[str, SqlmigrateError]] = []

    def keep(self, target: Target, event: FleetEvent) -> None:
        """Remember what an event says."""
        if isinstance(event, Started):
            self.under_way[target.name] = event
        elif isinstance(event, (Queued, Ended)):
            self.under_way.pop(target.name, None)
        if isinstance(event, Looked):
            self.looks[target.name] = event.look
            self.notes += [(target.name, note) for note in event.look.notes]
        elif isinstance(event, Ended):
            self.ended[target.name] = event
        elif isinstance(event, Finished):
            self._paths[event.step.label] = event.step.migration.up.path
        elif isinstance(event, Noted):
            self.notes += [(target.name, note) for note in event.notes]

    @property
    def stopped(self) -> str:
        """Why some targets were not begun; empty if all were."""
        return self.reason if self.named("not begun") else ""

    @property
    def has_begun(self) -> bool:
        """Whether the run of a target has begun, and has ended."""
        return any(each.has_run for each in self.ended.values())

    @property
    def has_executed(self) -> bool:
        """Whether something was executed, also if it has failed, or was rolled back by a dry run."""
        return any(each.executed or each.migration for each in self.ended.values())

    def state(self, target: Target) -> State:
        """Return how a target has ended."""
        if ended := self.ended.get(target.name):
            return ended.state
        look = self.looks.get(target.name)
        if look is None or look.state == "pending":
            return "not begun"
        return look.state

    def named(self, *states: State) -> tuple[str, ...]:
        """Name the targets that have ended in one of the states, in the order of the targets."""
        return tuple(target.name for target in self.targets if self.state(target) in states)

    def error(self, name: str) -> SqlmigrateError | None:
        """Return the error of a target."""
        if ended := self.ended.get(name):
            return ended.error
        look = self.looks.get(name)
        return look.error if look else None

    def groups(self, *states: State) -> tuple[Group, ...]:
        """Return the targets that have ended in one of the states, by their cause."""
        found = [(name, error) for name in self.named(*states) if (error := self.error(name))]
        if not found:
            return ()
        executed = {name: self._executed(name, look) for name, look in self.looks.items() if look.error is None}
        return grouped(found, Known(executed, self._ask_all))

    def _executed(self, name: str, look: Look) -> frozenset[str]:
        """Return the paths of the files that a target has executed as they are, before this run and in it."""
        before = frozenset(each.up.path for each in look.executed)
        ended = self.ended.get(name)
        if ended is None or self.is_dry_run:
            return before
        return before.union(self._paths[label] for label in ended.executed if label in self._paths)

    @property
    def exit_code(self) -> int:
        """The exit code: 1 a target failed or was left out; 5 one was not reached; 4 only locks were in the way.

        3 if a dry run could try nothing.
        """
        states = {self.state(target) for target in self.targets}
        if states & {"failed", "left out", "interrupted", "not known"}:
            return 1
        if "unreachable" in states:
            return 5
        if states & {"locked", "another run"}:
            return 4
        if "not begun" in states:
            return 1
        return 3 if self.is_nothing_tried else 0

    @property
    def is_nothing_tried(self) -> bool:
        """Whether a dry run could try no migration at all: it has not found out whether they can be executed."""
        ended = self.ended.values()
        return any(each.state == "not tried" for each in ended) and not any(each.executed for each in ended)
