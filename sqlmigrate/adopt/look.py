"""Looks for the folder and the history of another tool, and puts them together; writes nothing."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlmigrate.database.session import Session
from sqlmigrate.errors import NOTHING_CHANGED, ConfigError, MigrationError
from sqlmigrate.files.file_text import try_read
from sqlmigrate.files.nearby import adopting
from sqlmigrate.history import log, read
from sqlmigrate.history.state import State
from sqlmigrate.history.surroundings import OtherHistory
from sqlmigrate.spelling import did_you_mean, plural

from .adoption import Adoption, make_adoption
from .by_dump import Place, by_dump
from .folders import by_marks, by_root_files, every_folder, readings, usual_folders
from .foreign import ForeignHistory, Reading
from .histories import find_histories, read_history
from .pairs import make_pairs
from .tools.all_tools import TOOLS, tool_named
from .tools.tool import Tool


@dataclass(frozen=True)
class Wanted:
    """What the user has asked for.

    Attributes:
        directory: Our folder, with a slash at its end.
        table: Our history table.
        folder: The folder of the other tool; None to look in the usual places.
        tool: The tool; None to find out.
        history: The other tool's history table, as it is shown; None to find out.
        database: How the database is named in a shell, without its password; empty if libpq's variables name it.
    """

    directory: str
    table: str
    folder: str | None = None
    tool: str | None = None
    history: str | None = None
    database: tuple[str, ...] = ('"$DATABASE_URL"',)


def look_at_folder(wanted: Wanted) -> Adoption:
    """Look at the files alone; raises `ConfigError` if no folder of another tool is found, or more than one."""
    reading = _one(by_marks(_readings(wanted)), wanted)
    _refuse_code(reading, None, wanted)
    return _adoption(wanted, reading, {}, None)


def look(session: Session, wanted: Wanted) -> tuple[State, Adoption]:
    """Look at files and database; raises as `look_at_folder`, and what reading our history raises."""
    state = read.read(session, wanted.table)
    found = _readings(wanted)
    history = _one_history(find_histories(session, state), wanted, found)
    if history is None:
        reading = _one(by_marks(found), wanted)
        _refuse_code(reading, None, wanted)
        return state, _adoption(wanted, reading, _done_here(session, state), None)
    of_tool = [each for each in found if each.tool == history.tool]
    if not of_tool and not wanted.tool:
        _refuse_code(None, history, wanted)
        raise _without_files(history, found, wanted)
    reading = _one(of_tool or by_marks(found), wanted)
    _refuse_code(reading, history if of_tool else None, wanted)
    taken = read_history(session, state, history, reading.project) if reading.tool == history.tool else None
    return state, _adoption(wanted, reading, _done_here(session, state), taken)


def _refuse_code(reading: Reading | None, history: OtherHistory | None, wanted: Wanted) -> None:
    """Raise `ConfigError` if the migrations are programs, and say what to do in place of converting them."""
    tool = tool_named(reading.tool if reading else history.tool if history else "")
    if tool is not None and tool.in_code is not None:
        has_files = next(Path(wanted.directory).glob("*.sql"), None) is not None
        raise by_dump(reading, history, tool.in_code, Place(wanted.directory, has_files, wanted.database))


def _done_here(session: Session, state: State) -> dict[int, str]:
    """Return what sqlmigrate has done with each version: what its log says last, or else its history."""
    undone = dict.fromkeys(log.undone(log.entries(session, state.history)), "undone")
    done = {"executed": "executed", "baseline": "executed"}
    return undone | {each.number: done.get(each.status, "failed") for each in state.executions}


def _adoption(wanted: Wanted, reading: Reading, ours: Mapping[int, str], history: ForeignHistory | None) -> Adoption:
    tool = tool_named(reading.tool)
    if tool is None:
        raise AssertionError("a reading is made by a tool")
    _refuse_own_folder(reading, wanted)
    pairs = make_pairs(reading, wanted.directory, _texts(wanted.directory, reading))
    return make_adoption(tool, reading, pairs, history, ours)


def _refuse_own_folder(reading: Reading, wanted: Wanted) -> None:
    """Raise `ConfigError` if our files would be written among those of the other tool."""
    if reading.in_place or os.path.realpath(reading.folder) != os.path.realpath(wanted.directory):
        return
    raise ConfigError(
        f"{wanted.directory} is the folder of {reading.tool}, and sqlmigrate would write its files there too: neither "
        "could read the folder then",
        state=NOTHING_CHANGED,
        hint="let sqlmigrate have a folder of its own, with --directory or the setting directory",
        next_steps=[adopting(reading.folder)],
    )


def _texts(directory: str, reading: Reading) -> dict[str, str]:
    """Read the SQL files of our folder, or of the folder that is taken over as it is."""
    folder = Path(f"{reading.folder}/" if reading.in_place else directory)
    if not folder.is_dir():
        return {}
    prefix = f"{reading.folder}/" if reading.in_place else directory
    read_files = ((f"{prefix}{path.name}", try_read(str(path))) for path in sorted(folder.glob("*.sql")))
    return {path: source.text for path, source in read_files if not isinstance(source, MigrationError)}


def _readings(wanted: Wanted) -> list[Reading]:
    tools: Sequence[Tool] = TOOLS
    if wanted.tool:
        tool = tool_named(wanted.tool)
        if tool is None:
            names = [each.name for each in TOOLS]
            raise ConfigError(
                f"`{wanted.tool}` is not a tool that can be taken over",
                state=NOTHING_CHANGED,
                hint=did_you_mean(wanted.tool, names) or f"the tools are {', '.join(names)}",
            )
        tools = [tool]
    if wanted.folder:
        return readings([wanted.folder], tools)
    found = [*by_root_files(tools), *readings(usual_folders(wanted.directory), tools)]
    own = os.path.realpath(wanted.directory)  # holds what was written before, where another folder has migrations
    return [each for each in found if os.path.realpath(each.folder) != own] or found


def _one(found: Sequence[Reading], wanted: Wanted) -> Reading:
    """Return the folder that is taken over; raises `ConfigError` unless it is exactly one.

    Several tools may read it, if all of them read the same migrations.
    """
    if found and len({_read(each) for each in found}) == 1:
        return replace(found[0], also=tuple(dict.fromkeys(each.tool for each in found if each.tool != found[0].tool)))
    if not found:
        where = wanted.folder or "the usual folders"
        raise ConfigError(
            f"no migrations of another tool were found in {where}",
            detail=[] if wanted.folder else [f"the usual folders are {', '.join(sorted(every_folder()))}"],
            state=NOTHING_CHANGED,
            hint="name the folder of the other tool" if wanted.folder is None else "name the folder and the tool",
            next_steps=["sqlmigrate adopt --from FOLDER"],
        )
    folders = {each.folder for each in found}
    if len(folders) > 1:
        raise ConfigError(
            f"{len(folders)} folders hold migrations of another tool",
            detail=[_said(each) for each in found],
            state=NOTHING_CHANGED,
            hint="name the one to take over",
            next_steps=_either(f"sqlmigrate adopt --from {each}" for each in sorted(folders)),
        )
    tools = replace(found[0], also=tuple(each.tool for each in found[1:])).tools
    raise ConfigError(
        f"{found[0].folder} may belong to {tools}: their files have the same names",
        state=NOTHING_CHANGED,
        hint="name the tool",
        next_steps=_either(f"sqlmigrate adopt --from {each.folder} --tool {each.tool}" for each in found),
    )


def _read(reading: Reading) -> tuple[object, ...]:
    """Return what a tool reads in a folder: equal where two tools would write the same files."""
    read = ((each.version, each.name, each.up, each.down, bool(each.obstacles)) for each in reading.migrations)
    return reading.folder, reading.in_place, *read


def _either(commands: Iterable[str]) -> list[str]:
    """Return the commands of which one is to be chosen."""
    return [f"{'or: ' if at else ''}{each}" for at, each in enumerate(commands)]


def _said(reading: Reading) -> str:
    return f"{reading.folder}: {plural(len(reading.migrations), 'migration')} of {reading.tool}"


def _without_files(history: OtherHistory, found: Sequence[Reading], wanted: Wanted) -> ConfigError:
    """Give the error of a history whose files are not there: without them it is not known what was executed."""
    folders = {each.folder: each for each in by_marks(found) if each.folder != wanted.directory.rstrip("/")}
    newest = history.versions[-1] if history.versions else "VERSION"
    tools = sorted({each.tool for each in folders.values() if each.is_marked})
    tool = tool_named(history.tool)
    is_known = tool is not None
    elsewhere = readings(usual_folders(wanted.directory), [tool]) if tool and wanted.folder else []
    if elsewhere:
        return ConfigError(
            f"{history.table} is the history of {history.tool}, and {wanted.folder} has no files of {history.tool}",
            detail=[_said(each) for each in elsewhere],
            state=NOTHING_CHANGED,
            hint="name their folder",
            next_steps=_either(f"sqlmigrate adopt --from {shlex.quote(each.folder)}" for each in elsewhere),
        )
    return ConfigError(
        f"{history.table} is the history of {history.tool}, and no files of {history.tool} were found"
        if is_known
        else f"{history.table} is the history of {history.tool}, which cannot be taken over",
        detail=[_said(each) for each in folders.values() if each.is_marked],
        state=NOTHING_CHANGED,
        hint="bring its folder back until every database is taken over; or, if the files in "
        f"{wanted.directory} are complete, record the newest one that this database has"
        if is_known
        else f"write its SQL as files into {wanted.directory}, then record the newest one that this database has",
        next_steps=_either(
            [
                *(["sqlmigrate adopt --from FOLDER"] if is_known else []),
                f"sqlmigrate baseline {newest if newest.isdigit() else 'VERSION'}",
                *(f"sqlmigrate adopt --tool {tool}" for tool in tools),
            ]
        ),
    )


def _one_history(found: Sequence[OtherHistory], wanted: Wanted, folders: Sequence[Reading]) -> OtherHistory | None:
    """Return the history that is taken over; raises `ConfigError` if it is not clear which.

    Those of tools whose files are there come first, and of these the ones that the files name by markers.
    """
    if wanted.history:
        named = [each for each in found if wanted.history in (each.table, f"{each.schema}.{each.name}")]
        if not named:
            raise ConfigError(
                f"`{wanted.history}` is not the history of another tool",
                detail=[f"found: {each.table} of {each.tool}" for each in found],
                state=NOTHING_CHANGED,
                hint="histories are recognised by their columns; an empty one has nothing to take over",
                next_steps=_either(f"sqlmigrate adopt --history {each.table}" for each in found),
            )
        return named[0]
    fitting = (
        _of_tools(found, by_marks(folders))
        or _of_tools(found, folders)
        or [each for each in found if not each.is_of_a_service]
    )
    if len(fitting) > 1:
        raise ConfigError(
            f"this database has {len(fitting)} histories of other tools",
            detail=[f"{each.table} of {each.tool}: {plural(len(each.versions), 'migration')}" for each in fitting],
            state=NOTHING_CHANGED,
            hint="name the one to take over",
            next_steps=_either(f"sqlmigrate adopt --history {each.table}" for each in fitting),
        )
    return fitting[0] if fitting else None


def _of_tools(found: Sequence[OtherHistory], folders: Sequence[Reading]) -> list[OtherHistory]:
    tools = {each.tool for each in folders}
    return [each for each in found if each.tool in tools]
