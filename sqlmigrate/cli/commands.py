"""A function per command, a few lines each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sqlmigrate.config import resolve
from sqlmigrate.errors import NOTHING_CHANGED, ConfigError, gather

from .context import EXIT_ATTENTION, EXIT_FAILED, Context
from .options import lock_options
from .program import cli, command

__all__ = ["cli"]  # with all of the commands below

if TYPE_CHECKING:
    from sqlmigrate.files.migration import Migration
    from sqlmigrate.plan.plan import Direction


@command("sqlmigrate status --check")
@click.option("--check", is_flag=True, help="Exit with 3 where anything is pending or needs attention.")
def status(call: Context, *, check: bool) -> int:
    """Show executed and pending migrations, and what needs attention. Writes nothing."""
    from sqlmigrate.files import folder  # noqa: PLC0415
    from sqlmigrate.operations import status as operations_status  # noqa: PLC0415

    migrations = folder.load(call.config.directory)
    with call.database() as url:
        planned = operations_status.status(url, migrations, table=call.config.table)
    call.report.status(planned)
    settled = all(row.state in ("executed", "baseline") for row in planned.plan.rows)
    return EXIT_ATTENTION if check and not settled else 0


@command("sqlmigrate verify")
def verify(call: Context) -> int:
    """Check the files, and the files against the history (where a database is named). Writes nothing."""
    from sqlmigrate.files import folder  # noqa: PLC0415
    from sqlmigrate.operations import status as operations_status  # noqa: PLC0415
    from sqlmigrate.plan.up import read_all  # noqa: PLC0415

    migrations = folder.load(call.config.directory)
    _require_some(call, migrations)
    read_all(migrations)
    if call.config.url is None and not _has_embedded():
        call.report.verified(len(migrations), None)
        return 0
    with call.database() as url:
        planned, errors = operations_status.verify(url, migrations, table=call.config.table)
    if errors:
        raise gather(errors)
    call.report.verified(len(migrations), planned)
    return 0


def _has_embedded() -> bool:
    """Tell whether the embedded server was used here; the shadows of reviews lie beside its data."""
    return any((Path(resolve.EMBEDDED_DIRECTORY) / name).exists() for name in ("data", "elsewhere"))


@command("sqlmigrate log")
def log(call: Context) -> None:
    """Show what was done to the database, by whom and when: every up, down, failure, repair and baseline."""
    from sqlmigrate.operations import status as operations_status  # noqa: PLC0415

    with call.database() as url:
        state, entries = operations_status.log(url, table=call.config.table)
    call.report.log(state, entries)


@command("sqlmigrate up --to 003")
@click.option("--to", metavar="VERSION", help="Up to this migration: 3, 003, or its whole name.")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="At most N migrations.")
@click.option("--dry-run", is_flag=True, help="Execute in a transaction, and roll it back.")
@click.option("--out-of-order", is_flag=True, help="Also execute what is pending below the newest executed one.")
@lock_options
def up(call: Context, **options: Any) -> int:
    """Execute what is pending, each file in one transaction with its row in the history."""
    return _execute(call, "up", **options)


@command("sqlmigrate down --steps 2")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="The last N executions; 1 by default.")
@click.option("--to", metavar="VERSION", help="Down to this migration, which stays executed; 0 for all.")
@click.option("--all", is_flag=True, help="Everything that was executed; asks first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@lock_options
def down(call: Context, *, yes: bool, **options: Any) -> int:
    """Take back the last execution, or more of them, in the reverse order of execution."""
    if options["all"]:
        if options["to"] or options["steps"]:
            raise ConfigError(
                "`down` cannot go --all the way, and only so far",
                state=NOTHING_CHANGED,
                hint="say --all, or say --to or --steps",
            )
        call.confirm(yes=yes, question="Take back every migration, and lose the data in their tables?")
    return _execute(call, "down", **options)


@command("sqlmigrate reset --yes")
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(call: Context, *, yes: bool) -> int:
    """Take back everything and execute it anew: for development only."""
    call.confirm(yes=yes, question="Take back every migration, lose the data in their tables, and execute them anew?")
    from sqlmigrate.files import folder  # noqa: PLC0415
    from sqlmigrate.plan.up import read_all  # noqa: PLC0415

    from .run_summary import RunSummary  # noqa: PLC0415

    with RunSummary("down"):
        migrations = folder.load(call.config.directory)
        _require_some(call, migrations)
        read_all(migrations)  # what could not be executed again is not taken back
    return _execute(call, "down", all=True) or _execute(call, "up")


def _execute(call: Context, direction: Direction, **options: Any) -> int:
    from sqlmigrate.files import folder  # noqa: PLC0415
    from sqlmigrate.operations import up_down  # noqa: PLC0415
    from sqlmigrate.output.run_report import RunReport  # noqa: PLC0415

    from .run_summary import RunSummary  # noqa: PLC0415

    events = up_down.up if direction == "up" else up_down.down
    is_dry_run = options.get("dry_run", False)
    with RunSummary(direction, is_dry_run) as outcome:
        running = RunReport(call.report)
        options |= {"table": call.config.table, "limits": call.limits}
        migrations = folder.load(call.config.directory)
        if direction == "up":
            _require_some(call, migrations)
        try:
            with call.database() as url, closing(events(url, migrations, **options)) as happening:
                for event in happening:
                    running.tell(event)
                    outcome.keep(event)
        except KeyboardInterrupt:
            call.is_interruption_told = True
            if not outcome.failed:
                call.report.error(outcome.interruption())
            raise
        finally:
            running.ended(outcome.executed, outcome.failed)
    return EXIT_FAILED if outcome.failed else 0


def _require_some(call: Context, migrations: Sequence[Migration]) -> None:
    """Raise `ConfigError` for an empty folder: most likely it is another one that is meant."""
    if not migrations:
        raise ConfigError(
            f"there is no migration in `{call.config.directory}`",
            hint="its files are named VERSION_NAME.up.sql; is it the right folder?",
            next_steps=['sqlmigrate create "my first table"'],
        )


@command('sqlmigrate create "add user settings table"')
@click.argument("name")
@click.option("--timestamp", is_flag=True, help="Stamp it (YYYYMMDD_HHMMSS, UTC) instead of numbering it.")
def create(call: Context, *, name: str, timestamp: bool) -> None:
    """Make a new pair of files, numbered after the newest (or stamped, where the folder does so)."""
    from sqlmigrate.files import create as files_create  # noqa: PLC0415

    up_file, down_file = files_create.create(call.config.directory, name, now=call.now, timestamp=timestamp)
    call.report.created(up_file, down_file)


@command("sqlmigrate repair 003")
@click.argument("version")
@click.option("--yes", is_flag=True, help="Do not ask.")
def repair(call: Context, *, version: str, yes: bool) -> None:
    """Make the history agree with the folder again: accept a changed file, or forget a failed or missing one."""
    from sqlmigrate.files import folder  # noqa: PLC0415
    from sqlmigrate.operations import repair as operations_repair  # noqa: PLC0415

    migrations = folder.load(call.config.directory)
    with call.database() as url:
        row, question = operations_repair.repairable(url, migrations, version, table=call.config.table)
        call.confirm(yes=yes, question=question)
        done = operations_repair.repair(url, row, table=call.config.table, lock_wait=call.config.lock_wait)
    call.report.repaired(row.label, done)


@command("sqlmigrate baseline 002")
@click.argument("version")
def baseline(call: Context, *, version: str) -> None:
    """Declare that this database already is at VERSION: everything up to it is recorded, nothing executed."""
    from sqlmigrate.files import folder  # noqa: PLC0415
    from sqlmigrate.operations import repair as operations_repair  # noqa: PLC0415

    migrations = folder.load(call.config.directory)
    with call.database() as url:
        declared = operations_repair.baseline(
            url, migrations, version, table=call.config.table, lock_wait=call.config.lock_wait
        )
    call.report.declared(declared)


@command("sqlmigrate split sql/003_add_roles.up.sql")
@click.argument("file")
def split(call: Context, *, file: str) -> None:
    """Show how a file is cut into statements, a line each. No database is needed."""
    from sqlmigrate.files import folder  # noqa: PLC0415
    from sqlmigrate.parsing import script  # noqa: PLC0415

    call.report.cuts(script.read(folder.read(file)))


@cli.command(short_help="Print a shell's completion script", epilog='Example: eval "$(sqlmigrate completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    if found := get_completion_class(shell):
        click.echo(found(cli, {}, "sqlmigrate", "_SQLMIGRATE_COMPLETE").source())
