"""What happens in a run: typed events, which `run` yields and `report` draws."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmigrate.database.activity import Activity, Blocker
from sqlmigrate.errors import StatementError
from sqlmigrate.plan.plan import Planned, Step


@dataclass(frozen=True)
class Waiting:
    """Another run holds the lock: who, and for how many seconds it is waited for at most."""

    holder: str
    seconds: float


@dataclass(frozen=True)
class Began:
    """A step begins."""

    step: Step


@dataclass(frozen=True)
class Executed:
    """Statement `number` of a file without a transaction is executed, and the one with its record is still open.

    Told only where somebody watches.
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
class Watched:
    """Statement `number` of `total` is under way, `duration_ms` after the step began; told every second or so."""

    step: Step
    number: int
    total: int
    duration_ms: int
    sight: Activity


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
    | Executed
    | StatementDone
    | Noticed
    | Watched
    | Blocked
    | Recovered
    | Finished
    | Failed
    | NotTried
)
