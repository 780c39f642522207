"""What is sent for a migration: begin, history row, statements, the row completed, commit.

One code decides it, for both directions, for a dry run, and for whoever watches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from . import history, record
from .database import Request
from .history import History
from .plan import Step
from .split import Statement

# What a migration may have set for the session, undone before its history row is completed: a `SET ROLE` would
# otherwise meet the history without rights, a `search_path` the next migration.
RESET = tuple(map(Request, ("reset session authorization", "reset role", "reset all")))
DISCARD = tuple(map(Request, ("discard temporary", "deallocate all", "close all")))


@dataclass(frozen=True)
class Sent:
    """The requests of one transaction.

    `places` are the indexes of the file's statements, `completing` that of the row, `committing` that of the COMMIT (in
    a dry run of what stands for it).
    """

    requests: tuple[Request, ...]
    places: tuple[int, ...]
    completing: int
    committing: int

    @cached_property
    def _numbers(self) -> dict[int, int]:
        return {index: number for number, index in enumerate(self.places, start=1)}

    def statement_number(self, index: int) -> int:
        """Give the number, from 1, of the file's statement that request `index` is; 0 where it is one of ours."""
        return self._numbers.get(index, 0)


def transaction(table: History, step: Step, *, rehearsed: bool = False) -> Sent:
    """Give what is sent for a step in one transaction; `rehearsed` leaves out the BEGIN and the COMMIT."""
    script = step.script
    statements = [request(each) for each in script.statements]
    if step.direction == "up":
        beginning = record.begin_up(table, step.migration, len(statements))
        ending = record.end_up(table, step.version, in_transaction=True)
    else:
        beginning = record.begin_down(table, step.version)
        ending = record.end_down(table, step.version, in_transaction=True)
    opening = [] if rehearsed else [Request(script.begin)]
    bounds = [Request(f"set local {name} to '{value}'") for name, value in timeouts(step)]
    closing_requests = [Request("set constraints all immediate")] if rehearsed else [history.COMMIT, *DISCARD]
    requests = [*opening, *statements[: script.settings], beginning, *bounds]
    places = [*range(len(opening), len(opening) + script.settings)]
    places += range(len(requests), len(requests) + len(statements) - script.settings)
    requests += [*statements[script.settings :], *RESET]
    return Sent((*requests, ending, *closing_requests), tuple(places), len(requests), len(requests) + 1)


def request(statement: Statement) -> Request:
    """Give what is sent for one statement of a file: its text as it is there, and the data of a COPY."""
    return Request(statement.text, data=statement.data.text if statement.data else None)


def timeouts(step: Step) -> Iterator[tuple[str, str]]:
    """Give the settings that the file's directives ask for, with their values."""
    for directive, setting in (("lock-timeout", "lock_timeout"), ("statement-timeout", "statement_timeout")):
        if value := step.script.value(directive):
            yield setting, value


def failure(table: History, step: Step, done: int, message: str) -> Request:
    """Give what writes a failure: the row and the log on the way up, the log alone on the way down."""
    if step.direction == "down":
        return record.fail_down(table, step.version, f"down: {message}")
    return record.fail_up(table, step.migration, (len(step.script.statements), done), message)
