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
from sqlmigrate.spelling import plural

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
_SHARED = (
    "the folder belongs to all targets: leave it as it is. Bring this database to what the others have, then let its "
    "history agree"
)
_MOST_DIFFER = (
    "most targets have executed another text. If the file was edited afterwards, give it that text again; otherwise "
    "bring these databases to what the folder has. Then let the histories of those that differ agree"
)
_ORDER = (
    "execute it there by the same call with --out-of-order; with a new number it would be another migration, also "
    "where it is executed already"
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
    """

    table: str = DEFAULT_TABLE
    fleet: Callable[[str, str, str], str] = _fleet_again
    single: Callable[[str], str] = _as_written


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
    hint = _SHARED if is_of_folder else _ORDER if error.kind is Kind.OUT_OF_ORDER else _hint(error, target, commands)
    found = [step for step in steps if step and error.kind is not Kind.OUT_OF_ORDER]
    if found and found[0].startswith("or: "):
        found[0] = found[0].removeprefix("or: ")
    others = [for_target(each, target, commands) for each in error.others]
    detail = error.detail
    if error.kind is Kind.CHANGED_BY_HAND:
        detail = tuple(by_hand(line, target.schema) for line in detail)
    return error.with_(detail=detail, hint=hint, next_steps=found, others=others)


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


def is_about_folder(error: SqlmigrateError) -> bool:
    """Tell whether a target differs from the folder: then a change of the folder would cure it, and harm the others."""
    return error.hint == _SHARED


def about_folder(error: SqlmigrateError, differing: int, agreeing: int, *, is_one_text: bool) -> SqlmigrateError:
    """Say of a target that differs from the folder how many others do, and how many agree.

    Of a file those agree that have executed its text. If none has, the file is what was changed: then the edit can be
    put aside, without a loss.

    Args:
        error: What is different.
        differing: How many targets have this error.
        agreeing: How many others have executed the file as it is; of a missing file, how many agree with the folder.
        is_one_text: Whether all that differ have executed the same text.
    """
    if not is_about_folder(error):
        return error
    if error.span is None:
        if not agreeing:
            return error.with_(
                hint="no other target is known to agree with the folder: look at what this one has executed"
            )
        others = f"{plural(agreeing, 'other target')} agree{'s' * (agreeing == 1)} with the folder"
        return error.with_(detail=[*error.detail, f"{others}: it is what they have executed, or will execute"])
    if not agreeing and not is_one_text:
        return error.with_(
            hint="no target is known to have executed this text, and not all have executed the same one: decide which "
            "is right, bring the databases to it, then let their histories agree"
        )
    if not agreeing:
        return error.with_(
            hint="no target of this call is known to have executed this text. If no other has either, put the edit "
            "aside, and write a new migration",
            next_steps=[shlex.join(["git", "stash", "push", "--", error.span.source.path])],
        )
    others = f"{plural(agreeing, 'other target')} {'has' if agreeing == 1 else 'have'} executed the text in the folder"
    detail = [*error.detail, others]
    return error.with_(detail=detail, hint=_MOST_DIFFER) if differing > agreeing else error.with_(detail=detail)


def _changes_files(step: str) -> bool:
    return bool(_MOVES_FILES.match(step) or _INTO_FILE.search(step))


def _at(step: str, target: Target, commands: Commands) -> str:
    """Return a command for the target: a call of the fleet, or one for its database; empty if there is none."""
    found = _OURS.match(_INTO_FILE.sub("", step))
    if not found or found["action"] == "fleet":
        return step
    before, action, rest = found.groups()
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


def address(url: str) -> str:
    """Return the keywords that name a database, without a password and whatever else may be secret."""
    named = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    shown = {
        name: value
        for name, value in named.items()
        if not name.startswith("fallback_") and masked(text := make_conninfo(**{name: value})) == text
    }
    return make_conninfo(**shown)
