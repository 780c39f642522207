"""The command `adopt`: takes over the folder and the history of another tool.

What loads the driver or the parser is imported inside the functions, as in `cli/commands.py`.
"""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from sqlmigrate.cli.context import EXIT_FAILED, Context
from sqlmigrate.cli.program import command
from sqlmigrate.config.passwords import masked
from sqlmigrate.errors import NOTHING_CHANGED, ConfigError, SqlmigrateError
from sqlmigrate.spelling import plural

if TYPE_CHECKING:
    from sqlmigrate.history.state import State

    from .adoption import Adoption
    from .look import Wanted

UNDO = "Take back this database's rows and trigger, and the written files, which other adopted databases need?"


@command("sqlmigrate adopt --from db/migrations", ["database", "folder", "execution"])
@click.option("--from", "source", metavar="FOLDER", help="The folder of the other tool; by default the usual places.")
@click.option("--tool", metavar="NAME", help="The other tool, where files and history do not say which it is.")
@click.option("--history", metavar="TABLE", help="The other tool's history table, where there are several.")
@click.option("--write", is_flag=True, help="Write the files, and record what is executed.")
@click.option("--dry-run", is_flag=True, help="Show every file and every row that --write would write.")
@click.option("--trust-changed", is_flag=True, help="Take files as executed that the tool's checksum calls changed.")
@click.option("--ignore-missing", is_flag=True, help="Leave executed migrations out that have no file any more.")
@click.option("--finish", is_flag=True, help="Let the old history refuse writes: the other tool executes nothing more.")
@click.option("--undo", is_flag=True, help="Take the adoption back, while nothing was executed since.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def adopt(context: Context, **options: Any) -> int:
    """Take over the folder and the history of another tool: looks only, unless --write."""
    from .look import Wanted

    actions = [name for name in ("write", "dry_run", "finish", "undo") if options[name]]
    if len(actions) > 1:
        first, second = (f"--{name.replace('_', '-')}" for name in actions[:2])
        message = f"{first} and {second} cannot be given together"
        raise ConfigError(message, state=NOTHING_CHANGED, hint="call it twice, one after the other")
    config = context.config
    directory = config.directory.rstrip("/") + "/"
    wanted = Wanted(directory, config.table, options["source"], options["tool"], options["history"], _in_shell(context))
    try:
        match actions:
            case ["write"]:
                accepted = {"trust": options["trust_changed"], "ignore_missing": options["ignore_missing"]}
                _write(context, wanted, accepted, yes=options["yes"])
            case ["finish"]:
                _finish(context, wanted)
            case ["undo"]:
                _undo(context, wanted, yes=options["yes"])
            case _:
                return _look(context, wanted, every="dry_run" in actions, ignore_missing=options["ignore_missing"])
    except SqlmigrateError as error:
        others = [_with_steps(each, wanted) for each in error.others]
        raise _with_steps(error, wanted).with_(others=others) from None
    return 0


def _in_shell(context: Context) -> tuple[str, ...]:
    """Return how the database of this call is named in a shell, without its password."""
    if url := context.flags.get("database_url"):
        return (shlex.quote(masked(url)),)
    return () if context.config.url == "" else ('"$DATABASE_URL"',)


def _with_steps(error: SqlmigrateError, wanted: Wanted) -> SqlmigrateError:
    return error.with_(next_steps=[_as_asked(step, wanted) for step in error.next_steps])


def _as_asked(command: str, wanted: Wanted) -> str:
    """Return a command of ours with the options by which the user has said what is taken over."""
    if not re.match(r"(or: )?sqlmigrate (--directory \S+ )?adopt\b", command):
        return command
    asked = (("--from", wanted.folder), ("--tool", wanted.tool), ("--history", wanted.history))
    given = (f"{flag} {shlex.quote(value)}" for flag, value in asked if value and flag not in command)
    return " ".join([command, *given])


def _look(context: Context, wanted: Wanted, *, every: bool, ignore_missing: bool) -> int:
    """Show what would be taken over; gives the exit code, which is not 0 if something is in the way."""
    from sqlmigrate.database.session import connect

    from . import look, screens

    report = context.report
    if not context.has_database:
        state, adoption = None, look.look_at_folder(wanted)
    else:
        with context.database() as url, connect(url) as session:
            state, adoption = look.look(session, wanted)
    report.json(screens.value(adoption))
    _head(context, state, adoption)
    if every:
        report.text("", *screens.entry_lines(adoption))
        if files := list(screens.file_lines(adoption)):
            report.text("", *files)
    if remarks := list(screens.remarks(adoption, ignore_missing=ignore_missing)):
        report.text("", *remarks)
    is_possible, said, following = screens.ending(
        adoption, wanted.directory, is_dry_run=every, ignore_missing=ignore_missing
    )
    report.text("", said)
    report.text([("", "next: "), ("cyan", context.as_called(_as_asked(following, wanted)))])
    return 0 if is_possible else EXIT_FAILED


def _head(context: Context, state: State | None, adoption: Adoption) -> None:
    from . import screens

    if state is None:
        context.report.text("no database is named: only the files are looked at", "")
    else:
        context.report.text(context.report.head(state, f"adopt into {state.history.name}"), "")
    context.report.text(*screens.found_lines(adoption, has_database=state is not None))


def _write(context: Context, wanted: Wanted, accepted: dict[str, bool], *, yes: bool) -> None:
    from . import screens, write
    from .checks import refuse
    from .look import look

    if not context.has_database:
        done = write.write_files(wanted)
    else:
        from sqlmigrate.database.session import connect

        with context.database() as url:
            with connect(url) as session:
                _, adoption = look(session, wanted)
            refuse(adoption, **accepted)
            if adoption.history and adoption.history.is_one_row and adoption.to_record:
                context.report.text(*screens.entry_lines(adoption), stream="stderr")
                context.confirm(
                    yes=yes,
                    question=f"Record these {len(adoption.to_record)} migrations as executed?",
                    reason=f"{adoption.tool.name} records only the newest version: skipped files look executed",
                )
            state, done = write.write(url, wanted, context.limits, **accepted)
            _keep_schema(context, url, wanted)
            context.report.text(context.report.head(state, f"history in {state.history.name}"))
    context.report.json({**screens.value(done.adoption), "written": list(done.paths), "recorded": done.recorded})
    written, recorded = plural(len(done.paths), "file"), plural(done.recorded, "migration")
    said = f"{recorded} recorded as executed" if context.has_database else "no history, because no database is named"
    context.report.text(f"{written} written, {said}")
    context.report.text(*screens.remark_lines(done.adoption.kept, "⚠️", "yellow"))
    following = screens.status_command(done.adoption, wanted.directory)
    context.report.text([("", "next: "), ("cyan", context.as_called(following))])


def _keep_schema(context: Context, url: str, wanted: Wanted) -> None:
    """Take a snapshot of the schema: what is changed by hand from now on is drift. Adopting does not depend on it."""
    if context.drift.is_off:
        return
    from sqlmigrate.operations.drift import accept

    with suppress(SqlmigrateError):
        accept(url, table=wanted.table, lock_wait=context.config.lock_wait, is_logged=False)


def _finish(context: Context, wanted: Wanted) -> None:
    from sqlmigrate.history import log
    from sqlmigrate.operations.locked import under_lock

    from . import finish, undo
    from .look import look

    with context.database() as url, under_lock(url, wanted.table, context.limits.lock_wait) as (session, _):
        state, adoption = look(session, wanted)
        if adoption.history is None:
            raise ConfigError(
                "no history of another tool was found in this database",
                state=NOTHING_CHANGED,
                hint="there is nothing that could go on writing; if its table is there, name it",
                next_steps=["sqlmigrate adopt --finish --history TABLE"],
            )
        finish.require_recorded(len(adoption.to_record), adoption.tool.name)
        guard = adoption.tool.guard(adoption.history.place)
        finish.set_guard(session, adoption.history, guard, state, context.limits.lock_timeout)
        is_last = undo.later_than_adoption(log.entries(session, state.history)) is None
    tool, shown = adoption.tool.name, adoption.history.shown
    context.report.json({"tool": tool, "history": shown, "finished": True, "gap": guard.gap or None})
    context.report.text(
        f"{shown} refuses writes from now on{'' if guard.gap else f': {tool} executes nothing more here'}",
        *([[("yellow", "⚠️"), ("", f" {guard.gap}")]] if guard.gap else []),
        f"to take that back: {'sqlmigrate adopt --undo' if is_last else finish.way_back(adoption.history, guard)}",
    )


def _undo(context: Context, wanted: Wanted, *, yes: bool) -> None:
    from . import undo

    context.confirm(yes=yes, question=UNDO)
    with context.database() as url:
        state, undone = undo.undo(url, wanted, context.limits)
    dropped = "; the history, which held nothing else, was dropped" if undone.is_history_dropped else ""
    context.report.json({"forgotten": undone.forgotten, "dropped": undone.is_history_dropped, "removed": undone.paths})
    context.report.text(context.report.head(state, "adoption taken back"))
    rows, files = plural(undone.forgotten, "row"), plural(len(undone.paths), "file")
    context.report.text(f"{rows} removed, {files} removed{dropped}")
    context.report.text(*(f"{path} stays: the pair was written or changed by hand" for path in undone.kept))
