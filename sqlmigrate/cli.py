"""A function per command, a few lines each."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import config, signals
from .call import EXIT_ATTENTION, EXIT_FAILED, Call, cli, command, lock_options
from .errors import ConfigError, gather

if TYPE_CHECKING:
    from .files import Migration
    from .plan import Direction

# -- looking -----------------------------------------------------------------------------------------------------------


@command("sqlmigrate status --check")
@click.option("--check", is_flag=True, help="Exit with 3 where anything is pending or needs attention.")
def status(call: Call, *, check: bool) -> int:
    """Show executed and pending migrations, and what needs attention. Writes nothing."""
    from . import files, upkeep  # noqa: PLC0415

    migrations = files.load(call.config.directory)
    with call.database() as url:
        planned = upkeep.status(url, migrations, call.policy())
    call.report.status(planned)
    settled = all(row.state in ("executed", "baseline") for row in planned.plan.rows)
    return EXIT_ATTENTION if check and not settled else 0


@command("sqlmigrate verify")
def verify(call: Call) -> int:
    """Check the files, and the files against the history (where a database is named). Writes nothing."""
    from . import files, plan, upkeep  # noqa: PLC0415

    migrations = files.load(call.config.directory)
    _require_some(call, migrations)
    plan.read_all(migrations)
    if call.config.url is None and not _has_embedded():
        call.report.verified(len(migrations), None)
        return 0
    with call.database() as url:
        planned, errors = upkeep.verify(url, migrations, call.policy())
    if errors:
        raise gather(errors)
    call.report.verified(len(migrations), planned)
    return 0


def _has_embedded() -> bool:
    """Tell whether the embedded server was used here; the shadows of reviews lie beside its data."""
    return any((Path(config.EMBEDDED_DIRECTORY) / name).exists() for name in ("data", "elsewhere"))


@command("sqlmigrate log")
def log(call: Call) -> None:
    """Show what was done to the database, by whom and when: every up, down, failure, repair and baseline."""
    from . import upkeep  # noqa: PLC0415

    with call.database() as url:
        state, entries = upkeep.log(url, call.policy())
    call.report.log(state, entries)


# -- executing ---------------------------------------------------------------------------------------------------------


@command("sqlmigrate up --to 003")
@click.option("--to", metavar="VERSION", help="Up to this migration: 3, 003, or its whole name.")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="At most N migrations.")
@click.option("--dry-run", is_flag=True, help="Execute in a transaction, and roll it back.")
@click.option("--out-of-order", is_flag=True, help="Also execute what is pending below the newest executed one.")
@lock_options
def up(call: Call, **options: Any) -> int:
    """Execute what is pending, each file in one transaction with its row in the history."""
    return _execute(call, "up", **options)


@command("sqlmigrate down --steps 2")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="The last N executions; 1 by default.")
@click.option("--to", metavar="VERSION", help="Down to this migration, which stays executed; 0 for all.")
@click.option("--all", is_flag=True, help="Everything that was executed; asks first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@lock_options
def down(call: Call, *, yes: bool, **options: Any) -> int:
    """Take back the last execution, or more of them, in the reverse order of execution."""
    if options["all"]:
        if options["to"] or options["steps"]:
            raise ConfigError(
                "`down` cannot go --all the way, and only so far: nothing was changed",
                hint="say --all, or say --to or --steps",
            )
        call.confirm(yes=yes, question="Take back every migration, and lose the data in their tables?")
    return _execute(call, "down", **options)


@command("sqlmigrate reset --yes")
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(call: Call, *, yes: bool) -> int:
    """Take back everything and execute it anew: for development only."""
    call.confirm(yes=yes, question="Take back every migration, lose the data in their tables, and execute them anew?")
    from . import files, plan  # noqa: PLC0415
    from .outcome import Outcome  # noqa: PLC0415

    with Outcome("down"):
        migrations = files.load(call.config.directory)
        _require_some(call, migrations)
        plan.read_all(migrations)  # what could not be executed again is not taken back
    return _execute(call, "down", all=True) or _execute(call, "up")


def _execute(call: Call, direction: Direction, **options: Any) -> int:
    from . import files, run  # noqa: PLC0415
    from .outcome import Outcome  # noqa: PLC0415

    events = run.up if direction == "up" else run.down
    with Outcome(direction, options.get("dry_run", False)) as outcome:
        policy = call.policy(**options)
        migrations = files.load(call.config.directory)
        if direction == "up":
            _require_some(call, migrations)
        try:
            with call.database() as url, closing(events(url, migrations, policy)) as running:
                for event in running:
                    call.report.tell(event)
                    outcome.keep(event)
        except KeyboardInterrupt:
            call.is_interruption_told = True
            if not outcome.failed:
                call.report.error(outcome.interruption())
            raise
        finally:
            call.report.ended(outcome.failed, outcome.executed, rehearsed=policy.dry_run)
    return EXIT_FAILED if outcome.failed else 0


def _require_some(call: Call, migrations: Sequence[Migration]) -> None:
    """Raise `ConfigError` for an empty folder: most likely it is another one that is meant."""
    if not migrations:
        raise ConfigError(
            f"there is no migration in `{call.config.directory}`",
            hint="its files are named VERSION_NAME.up.sql; is it the right folder?",
            next_steps=['sqlmigrate create "my first table"'],
        )


# -- files and history -------------------------------------------------------------------------------------------------


@command('sqlmigrate create "add user settings table"')
@click.argument("name")
@click.option("--timestamp", is_flag=True, help="Stamp it (YYYYMMDD_HHMMSS, UTC) instead of numbering it.")
def create(call: Call, *, name: str, timestamp: bool) -> None:
    """Make a new pair of files, numbered after the newest (or stamped, where the folder does so)."""
    from . import files  # noqa: PLC0415

    up_file, down_file = files.create(call.config.directory, name, now=datetime.now(UTC), timestamp=timestamp)
    call.report.created(up_file, down_file)


@command("sqlmigrate repair 003")
@click.argument("version")
@click.option("--yes", is_flag=True, help="Do not ask.")
def repair(call: Call, *, version: str, yes: bool) -> None:
    """Make the history agree with the folder again: accept a changed file, or forget a failed or missing one."""
    from . import files, upkeep  # noqa: PLC0415

    migrations = files.load(call.config.directory)
    with call.database() as url:
        row, question = upkeep.repairable(url, migrations, version, call.policy())
        call.confirm(yes=yes, question=question)
        done = upkeep.repair(url, row, call.policy())
    call.report.repaired(row.label, done)


@command("sqlmigrate baseline 002")
@click.argument("version")
def baseline(call: Call, *, version: str) -> None:
    """Declare that this database already is at VERSION: everything up to it is recorded, nothing executed."""
    from . import files, upkeep  # noqa: PLC0415

    migrations = files.load(call.config.directory)
    with call.database() as url:
        declared = upkeep.baseline(url, migrations, version, call.policy())
    call.report.declared(declared)


@command("sqlmigrate split sql/003_add_roles.up.sql")
@click.argument("file")
def split(call: Call, *, file: str) -> None:
    """Show how a file is cut into statements, a line each. No database is needed."""
    from . import files, statement  # noqa: PLC0415

    call.report.cuts(statement.read(files.read(file)))


@cli.command(short_help="Print a shell's completion script", epilog='Example: eval "$(sqlmigrate completion bash)"')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    if found := get_completion_class(shell):
        click.echo(found(cli, {}, "sqlmigrate", "_SQLMIGRATE_COMPLETE").source())


def main() -> None:
    """Run the command line.

    A short process makes hardly any garbage: Python's looking for it among all that is imported and read, at the start
    and once more at the end, takes a tenth of the time of `status`.
    """
    signals.listen()
    gc.set_threshold(100_000)
    try:
        cli(prog_name="sqlmigrate")
    finally:
        gc.freeze()
