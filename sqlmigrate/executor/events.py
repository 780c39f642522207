"""What happens in a run, as typed events: `up` and `down` yield them, the output draws them.

Every event of a step has the `step` it belongs to. Statements are numbered from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmigrate.database.activity import Activity, Observer
from sqlmigrate.database.blocker import Blocker
from sqlmigrate.errors import SqlmigrateError, StatementError
from sqlmigrate.plan.plan import Planned, Step
from sqlmigrate.plan.squashed import Fold


@dataclass(frozen=True)
class Observation:
    """How the execution of steps is observed.

    Attributes:
        tick: The time between two `Progress` events of one statement, in seconds.
        observer: The second connection that looks at the session; without one, `Progress` shows no activity.
        is_step_by_step: Send each statement by itself, so that the caller can look around between two statements while
            their transaction is open.
    """

    tick: float = 1.0
    observer: Observer | None = None
    is_step_by_step: bool = False


class Postponed(Exception):  # noqa: N818 - not an error: the caller goes on with the rest later
    """The reader ends a run that waits for others: at a `Pausing` it throws this into the generator.

    Nothing of the step is in the database then, but for the statements of a file without a transaction that are done
    and recorded. No failure is recorded. The next run continues.
    """


@dataclass(frozen=True)
class Waiting:
    """Another run holds the lock, and we wait for it.

    Attributes:
        holder: The session that holds it; None where it has ended by now.
        seconds: The longest time that we wait for it.
    """

    holder: Blocker | None
    seconds: float


@dataclass(frozen=True)
class Pausing:
    """The run waits for others, and tries again later.

    It comes at once and then every quarter of a second, until it is time: the reader can stop the run in between, or
    throw `Postponed`. What the reader does meanwhile counts as pause.

    Attributes:
        next_try: When the next try begins, in UTC by the clock of this machine.
    """

    next_try: datetime


@dataclass(frozen=True)
class Noted:
    """What the user has to know before the first step, or after the last.

    Attributes:
        notes: The notes.
    """

    notes: tuple[SqlmigrateError, ...]


@dataclass(frozen=True)
class Began:
    """A step begins."""

    step: Step


@dataclass(frozen=True)
class StatementOpen:
    """A statement of a file without a transaction is executed, and its transaction is still open.

    It comes only where statements are sent step by step; `StatementDone` follows after the commit.

    Attributes:
        step: The step that is being executed.
        number: The number of the statement.
    """

    step: Step
    number: int


@dataclass(frozen=True)
class StatementAlone:
    """The server has refused a statement of a file without a transaction because it was sent in one with its record.

    Now it is sent without one. `StatementDone` follows.

    Attributes:
        step: The step that is being executed.
        number: The number of the statement.
    """

    step: Step
    number: int


@dataclass(frozen=True)
class StatementDone:
    """A statement is executed. If the file runs in a transaction, it is not committed yet.

    Attributes:
        step: The step that is being executed.
        number: The number of the statement.
        total: How many statements the step has.
    """

    step: Step
    number: int
    total: int


@dataclass(frozen=True)
class Noticed:
    """The server sent a message that is not an error.

    Attributes:
        step: The step that is being executed.
        severity: `NOTICE`, `WARNING` or another one of PostgreSQL's, in the server's language.
        message: The message.
    """

    step: Step
    severity: str
    message: str


@dataclass(frozen=True)
class Finished:
    """A step is executed and committed; in a dry run it is executed only.

    Attributes:
        step: The step.
        statements: How many statements it has.
        duration_ms: How long it took, in milliseconds by the server's clock.
    """

    step: Step
    statements: int
    duration_ms: int


@dataclass(frozen=True)
class Failed:
    """A step failed. The run ends with this event.

    Attributes:
        step: The step.
        error: What went wrong.
        number: The statement that failed; 0 if it was none of them.
        total: How many statements the step has.
        duration_ms: Milliseconds since the step began.
        kept: What of the step stays in the database, sentence by sentence; empty if it was rolled back as a whole.
        gone: Earlier steps of the run that were told as finished, and that the database does not have any more: after
            the connection was lost, another server answers, which did not get them.
        now_at: The address of the server that answers after the connection was lost, if it has another one.
        is_known: Whether it is known what became of the step; if not, `kept` says so.
    """

    step: Step
    error: StatementError
    number: int
    total: int
    duration_ms: int
    kept: tuple[str, ...] = ()
    gone: tuple[Step, ...] = ()
    now_at: str = ""
    is_known: bool = True


@dataclass(frozen=True)
class Progress:
    """A statement is still being executed; comes about every second.

    Attributes:
        step: The step that is being executed.
        number: The number of the statement.
        total: How many statements the step has.
        duration_ms: Milliseconds since the step began.
        activity: What the server does at this moment, as a second connection sees it.
    """

    step: Step
    number: int
    total: int
    duration_ms: int
    activity: Activity


@dataclass(frozen=True)
class Blocked:
    """A step did not get a lock, was rolled back, and will be tried again.

    Attributes:
        step: The step.
        number: The statement that did not get its lock; 0 for the history row.
        repetition: Which repetition follows, from 1.
        repetitions: How many there are at most.
        pause: How long we wait before it, in seconds.
        next_try: When it begins, in UTC by the clock of this machine.
        message: What PostgreSQL said.
        blockers: The sessions that were seen in the way.
    """

    step: Step
    number: int
    repetition: int
    repetitions: int
    pause: float
    next_try: datetime
    message: str
    blockers: tuple[Blocker, ...]


@dataclass(frozen=True)
class Recovered:
    """An earlier run was interrupted in a statement; the catalog showed what it had left, and this was dealt with.

    Attributes:
        step: The step that is being continued.
        number: The number of the statement.
        message: What was found and what is done about it.
    """

    step: Step
    number: int
    message: str


@dataclass(frozen=True)
class NotTried:
    """A step that a dry run cannot try.

    Attributes:
        step: The step.
        reason: Why not.
    """

    step: Step
    reason: str


@dataclass(frozen=True)
class Folded:
    """The rows of executed migrations became the row of the squashed one that replaces them; in a dry run only tried.

    Attributes:
        fold: What was folded.
    """

    fold: Fold


Event = (
    Planned
    | Waiting
    | Pausing
    | Noted
    | Began
    | StatementOpen
    | StatementAlone
    | StatementDone
    | Noticed
    | Progress
    | Blocked
    | Recovered
    | Finished
    | Failed
    | NotTried
    | Folded
)
