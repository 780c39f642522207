"""What one target of many is to do about an error: its own database is named, and the shared folder is left alone.

The hints of a single database end in commands for that database, and some of them change files. In a fleet a file is
what the other targets have executed: a change for one target makes it wrong for all others. What is executed or looked
at again is the call of the fleet, as it was typed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sqlmigrate.config.passwords import masked
from sqlmigrate.errors import Kind, SqlmigrateError
from sqlmigrate.executor.events import Failed, Noted
from sqlmigrate.history.table import DEFAULT_TABLE
from sqlmigrate.plan.plan import Planned

from .differing import by_hand
from .target import Target

_OURS = re.compile(r"^(?P<before>.*?(?:^|: ))sqlmigrate (?P<action>[a-z]+)(?P<rest>.*)$")
_ENDS_IN_OURS = re.compile(r"(^|: )sqlmigrate [a-z]+( --[a-z]+( warn)?)*$")
_INTO_FILE = re.compile(r" > \S.*$")
_MOVES_FILES = re.compile(r"^(or: )?(mv|git mv|git stash|git checkout|git restore) ")
_IN_PROSE = re.compile(r"\bsqlmigrate [a-z]+( --[a-z]+)*(?=[;,.)]|$)")
_OF_DATABASES = ("adopt", "review", "schema")  # they do not work for one schema
_OF_A_FOLDER = ("create", "renumber", "squash")
_OF_THE_FLEET = ("up", "down", "status", "verify")
SHARED = (
    "the folder belongs to all targets: leave it as it is. Bring this database to what the others have, then let its "
    "history agree"
)
RENAMED = (
    "the text is the same, so there is nothing to do in this database: let its history take the name that the file has"
)
_FORGET = "nothing needs this migration any more where its files are gone: let the history of this database forget it"
_ORDER = (
    "execute it there by the same call with --out-of-order; with a new number it would be another migration, also "
    "where it is executed already"
)


@dataclass(frozen=True)
class Cure:
    """What is to be done about a failure: the file may only be changed where no target has executed it.

    Attributes:
        words: What a hint of a single database says.
        if_not_known: What is said where it is not known whether others have executed the file.
        elsewhere: What is left to be done where others have.
    """

    words: str
    if_not_known: str
    elsewhere: str


CURES = (
    Cure("fix the file or the data", "fix the data, or the file if no target has executed it", "fix the data"),
    Cure("fix the file", "fix the file if no target has executed it, or else the database", "fix the database"),
)

_T = TypeVar("_T")
_Error = TypeVar("_Error", bound=SqlmigrateError)


def _fleet_again(action: str, flags: str, _name: str) -> str:
    return f"sqlmigrate fleet {action}{flags}"


def _as_written(command: str) -> str:
    return command


@dataclass(frozen=True)
class Commands:
    """The commands that hints name, as this user has to type them.

    Attributes:
        table: The history table.
        fleet: Returns the call that does an action for the same targets, with further flags; for one target only if
            its name is given, and empty if the call cannot name it.
        single: Returns a command for one database, with the settings of this call.
        ask_all: The call that also asks the targets that this one has not chosen; empty if it asks all.
    """

    table: str = DEFAULT_TABLE
    fleet: Callable[[str, str, str], str] = _fleet_again
    single: Callable[[str], str] = _as_written
    ask_all: str = ""


DEFAULT_COMMANDS = Commands()


def advised(event: _T, target: Target, commands: Commands) -> _T:
    """Return what happened to a target, with hints that are right in a fleet."""
    if isinstance(event, Failed):
        return replace(event, error=for_target(event.error, target, commands))
    if isinstance(event, Noted):
        return replace(event, notes=tuple(for_target(each, target, commands) for each in event.notes))
    if isinstance(event, Planned):
        notes = tuple(for_target(each, target, commands) for each in event.plan.notes)
        opened = tuple(
            replace(each, error=for_target(each.error, target, commands)) if each.error else each
            for each in event.plan.opened
        )
        return replace(event, plan=replace(event.plan, notes=notes, opened=opened))
    return event


def for_target(error: _Error, target: Target, commands: Commands) -> _Error:
    """Return an error with what can be done about it in one target of a fleet."""
    is_of_folder = error.kind is Kind.CHANGED or any(_changes_files(step) for step in error.next_steps)
    steps = [_at(step, target, commands) for step in error.next_steps if not _MOVES_FILES.match(step)]
    hint = _HINTS.get(error.kind) or (SHARED if is_of_folder else _hint(error, target, commands))
    found = [step for step in steps if step and error.kind is not Kind.OUT_OF_ORDER]
    if error.kind is Kind.FAILED_AND_MISSING:
        found.sort(key=lambda step: " repair " not in step)
    if found and found[0].startswith("or: "):
        found[0] = found[0].removeprefix("or: ")
    others = [for_target(each, target, commands) for each in error.others]
    detail = error.detail
    if error.kind is Kind.CHANGED_BY_HAND:
        detail = tuple(by_hand(line, target.schema) for line in detail)
    return error.with_(detail=detail, hint=hint, next_steps=found, others=others)


_HINTS: dict[Kind | None, str] = {Kind.OUT_OF_ORDER: _ORDER, Kind.RENAMED: RENAMED, Kind.FAILED_AND_MISSING: _FORGET}


def _hint(error: SqlmigrateError, target: Target, commands: Commands) -> str | None:
    """Return the hint; a line of it that ends in a command has that for the target."""
    lines = error.hint.splitlines() if error.hint else []
    found = [
        _at(line, target, commands)
        if _ENDS_IN_OURS.search(line)
        else _IN_PROSE.sub(lambda command: _at(command[0], target, commands) or command[0], line)
        for line in lines
    ]
    return "\n".join(filter(None, found)) or None


def _changes_files(step: str) -> bool:
    return bool(_MOVES_FILES.match(step) or _INTO_FILE.search(step))


def _at(step: str, target: Target, commands: Commands) -> str:
    """Return a command for the target: a call of the fleet, or one for its database; empty if there is none."""
    found = _OURS.match(_INTO_FILE.sub("", step))
    if not found or found["action"] == "fleet":
        return step
    before, action, rest = found.groups()
    if action == "up":
        before = _without_harm(before)
    if action in _OF_A_FOLDER:
        return commands.single(step)
    if (action in _OF_THE_FLEET and not rest) or action == "up":
        is_for_one = action == "down" or (rest and not rest.startswith(" --to "))
        # flags allow something in one target only, but for a bound; and `down` once more would undo more in the others
        command = commands.fleet(action, rest, target.name if is_for_one else "")
    elif target.schema and (action in _OF_DATABASES or "--against files" in rest):
        command = ""
    else:
        words = [f"--database-url {shlex.quote(address(target.url))}"]
        words += [f"--schema {shlex.quote(target.schema)}"] if target.schema else []
        command = commands.single(f"sqlmigrate {action}{rest} {' '.join(words)}")
    return f"{before}{command}" if command else ""


def _without_harm(before: str) -> str:
    """Return what is to be done before a command; a file is changed only if no target has executed it."""
    cure = next((each for each in CURES if each.words in before), None)
    return before.replace(cure.words, cure.if_not_known) if cure else before


def address(url: str) -> str:
    """Return the keywords that name a database, without a password and whatever else may be secret."""
    named = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    shown = {
        name: value
        for name, value in named.items()
        if not name.startswith("fallback_") and masked(text := make_conninfo(**{name: value})) == text
    }
    return make_conninfo(**shown)
