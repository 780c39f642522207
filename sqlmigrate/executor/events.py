"""What happens in a run: typed events, which `run` yields and `report` draws."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmigrate.database.activity import Activity, Observer
from sqlmigrate.database.blocker import Blocker
from sqlmigrate.errors import StatementError
from sqlmigrate.plan.plan import Planned, Step


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


@dataclass(frozen=True)
class Waiting:
    """Another run holds the lock.

    Attributes:
        holder: The session that holds it; None where it has ended by now.
        seconds: The longest time that we wait for it.
    """

    holder: Blocker | None
    seconds: float


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
        number: The number of the statement, from 1.
    """

    step: Step
    number: int


@dataclass(frozen=True)
class StatementDone:
    """Statement `number` of `total` of the step is executed (not yet committed, where there is a transaction)."""

    step: Step
    number: int
    total: int


@dataclass(frozen=True)
class Noticed:
    """The server said something beside: a NOTICE, a WARNING."""

    step: Step
    severity: str
    message: str


@dataclass(frozen=True)
class Finished:
    """A step is executed and committed (in a dry run: executed), in `duration_ms` by the server's clock."""

    step: Step
    statements: int
    duration_ms: int


@dataclass(frozen=True)
class Failed:
    """A step failed at statement `number` of `total` (0: before or after them), after `duration_ms`.

    `kept` says what of it is in the database, sentence by sentence; nothing where a transaction was rolled back.
    """

    step: Step
    error: StatementError
    number: int
    total: int
    duration_ms: int
    kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class Progress:
    """A statement is still being executed; comes about every second.

    Attributes:
        step: The step that is being executed.
        number: The number of the statement, from 1.
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
    """The step did not get a lock and was rolled back; try `tries[0]` of `tries[1]` follows in `pause` seconds."""

    step: Step
    number: int
    tries: tuple[int, int]
    pause: float
    message: str
    blockers: tuple[Blocker, ...]


@dataclass(frozen=True)
class Recovered:
    """What an earlier run had left behind at statement `number` was found in the catalog and dealt with."""

    step: Step
    number: int
    message: str


@dataclass(frozen=True)
class NotTried:
    """A step that a dry run cannot try, and why."""

    step: Step
    reason: str


Event = (
    Planned
    | Waiting
    | Began
    | StatementOpen
    | StatementDone
    | Noticed
    | Progress
    | Blocked
    | Recovered
    | Finished
    | Failed
    | NotTried
)
