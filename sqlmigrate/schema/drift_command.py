"""The command `drift`: what was changed by hand.

What loads the driver is imported inside the functions, as in `cli/commands.py`.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sqlmigrate.cli.completion import complete_version
from sqlmigrate.cli.context import EXIT_ATTENTION, EXIT_FAILED, Context
from sqlmigrate.cli.program import command
from sqlmigrate.config import passwords
from sqlmigrate.errors import ConfigError, SqlmigrateError
from sqlmigrate.files import folder

if TYPE_CHECKING:
    from .drift_result import Result

_FORMATS = ("text", "json", "markdown")


@command("sqlmigrate drift", ["database", "one schema", "folder", "shadow"])
@click.option("--format", type=click.Choice(_FORMATS), help="How to print what was found.  [default: text]")
@click.option("--against", type=click.Choice(("snapshot", "files")), default="snapshot", show_default=True,
              help="What to compare with: the last snapshot, or what the files make.")  # fmt: skip
@click.option("--to", metavar="VERSION", shell_complete=complete_version,
              help="With --against files: compare with the files up to VERSION, whatever is executed.")  # fmt: skip
@click.option("--sql", is_flag=True, help="Write the statements that would put it back, to read; nothing is executed.")
@click.option("--accept", is_flag=True, help="Take a snapshot of the schema as it is now; asks if it differs.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--shadow-url", metavar="URL", help="With --against files: the server to execute the files on.")
@click.option("--postgres", type=int, metavar="N", help="With --against files: the version of PostgreSQL to start.")
@click.option("--trusted", is_flag=True, help="With --against files: execute them as a superuser.")
def drift(context: Context, *, against: str, sql: bool, accept: bool, yes: bool, **options: Any) -> int:
    """Show what was changed by hand, compared with the snapshot that the last run has taken. Writes nothing.

    Exits with 1 if something was changed, with 3 if it cannot be known. With --accept, a new snapshot is taken.
    """
    if accept and against == "files":
        raise ConfigError(
            "--accept takes a new snapshot; it does not change the files", hint="leave out one of the two"
        )
    if context.config.schema and against == "files":
        raise ConfigError(
            "--against files compares a whole database, not one schema",
            hint="without it, the schema is compared with its last snapshot",
        )
    try:
        result = _of_files(context, **options) if against == "files" else _of_snapshot(context, **options)
    except SqlmigrateError as error:
        if error.exit_code != EXIT_FAILED:
            raise
        context.report.error(error)
        return EXIT_ATTENTION  # the other code says that something was changed by hand, and that is not known
    result = replace(result, database=context.report.place or result.database)
    is_accepted = accept and result.has_history
    if sql and context.flags.get("format", "text") == "text" and (result.items or not result.problem):
        _write_sql(context, result)
    else:
        _show(context, result, with_sql=sql)
        if not is_accepted and context.flags.get("format", "text") == "text":
            _show_next(context, result, _again(context, against, options))
    if is_accepted:
        _accept(context, result, yes=yes)
        return 0
    if result.items:
        return EXIT_FAILED
    return EXIT_ATTENTION if result.problem else 0


def _accept(context: Context, result: Result, *, yes: bool) -> None:
    from sqlmigrate.operations import drift as operations

    if result.items:
        context.confirm(yes=yes, question="Take a snapshot with these changes? They are expected then")
    with context.database() as url:
        operations.accept(
            url, table=context.config.table, schema=context.config.schema, lock_wait=context.config.lock_wait
        )
    context.report.json({"accepted": True})
    context.report.text([("green", "✅"), ("", " the snapshot has the schema as it is now")])


def _of_snapshot(context: Context, **options: Any) -> Result:
    from sqlmigrate.operations import drift as operations

    from .drift_result import of_snapshot

    if any(options.values()):
        raise ConfigError(
            "--to, --shadow-url, --postgres and --trusted are about executing the files",
            hint="with the last snapshot nothing is executed; to compare with what the files make: --against files",
        )
    with context.database() as url:
        return of_snapshot(
            operations.drift(url, context.drift, table=context.config.table, schema=context.config.schema)
        )


def _of_files(
    context: Context, *, to: str | None, shadow_url: str | None, postgres: int | None, trusted: bool
) -> Result:
    from sqlmigrate.shadow.built_schema import Wanted

    from .drift_against import compare_with_files

    migrations = folder.survey(context.config.directory, holds_data=True)
    folder.require_read(migrations)
    config = context.config
    wanted = Wanted(Path(config.embedded_directory), config.table, postgres, shadow_url, trusted, config.extension)
    with context.database() as url:
        return compare_with_files(url, migrations, context.drift, wanted, to=to)


def _write_sql(context: Context, result: Result) -> None:
    from .drift_result import sql_of

    if text := sql_of(result):
        context.report.writer.exact(text)
    else:
        context.report.text("nothing differs: there is nothing to put back", stream="stderr")


def _show(context: Context, result: Result, *, with_sql: bool) -> None:
    form = context.flags.get("format", "text")
    if form == "json":
        from .drift_formats import json_value

        context.report.json(json_value(result, with_sql=with_sql))
    elif form == "markdown":
        from .drift_formats import markdown

        context.report.page(markdown(result))
    else:
        from sqlmigrate.output.writer import terminal_width

        from .drift_screen import lines

        context.report.text(*lines(result, terminal_width("stdout")))


def _show_next(context: Context, result: Result, again: str) -> None:
    steps = [f"{again} --sql"] if result.items else []
    for step in (*steps, *(result.problem.next_steps if result.problem else ())):
        context.report.text(context.report.next_step(step))


def _again(context: Context, against: str, options: dict[str, Any]) -> str:
    """Return the command that compares the same again; a URL with a password is left out."""
    words = ["sqlmigrate drift", *(["--against files"] if against == "files" else [])]
    for name in (context.flags.get("extension") or "").split():
        words += ["--extension", name]
    for name in ("to", "shadow_url", "postgres", "trusted"):
        value = options[name]
        if value is True:
            words.append(f"--{name}")
        elif value and not (name == "shadow_url" and passwords.masked(value) != value):
            words += [f"--{name.replace('_', '-')}", shlex.quote(str(value))]
    return " ".join(words)
