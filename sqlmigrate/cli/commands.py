"""The commands of the trunk, one function each.

What loads the driver, rich or the parser is imported inside the functions: `--help` and completion must not wait for
it. No other module of the command line needs that.
"""

from __future__ import annotations

import shlex
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sqlmigrate.config.resolve import require_url
from sqlmigrate.config.settings import Scope
from sqlmigrate.errors import NOTHING_CHANGED, ConfigError, SqlmigrateError, gather
from sqlmigrate.files import file_text, folder
from sqlmigrate.files.nearby import way_to_migrations, where_it_was_looked_for

from .completion import SHELLS, complete_version, script
from .context import EXIT_ATTENTION, EXIT_FAILED, Context
from .program import cli, command

if TYPE_CHECKING:
    from sqlmigrate.executor.events import Event
    from sqlmigrate.files.migration import Folder
    from sqlmigrate.plan.plan import Direction

__all__ = ["cli"]  # with all commands of this module

_LOOKS: tuple[Scope, ...] = ("database", "one schema", "folder")
_EXECUTES: tuple[Scope, ...] = (*_LOOKS, "execution")
_EXECUTES_FIRST: tuple[Scope, ...] = (*_EXECUTES, "first run")


def _place(context: Context) -> dict[str, Any]:
    """Return where in the database a command works: the history, and the schema if one is named."""
    return {"table": context.config.table, "schema": context.config.schema}


@command("sqlmigrate status --check", _LOOKS)
@click.option("--check", is_flag=True, help="Exit with 3 if anything is pending or needs attention.")
def status(context: Context, *, check: bool) -> int:
    """Show executed and pending migrations, and what needs attention. Writes nothing."""
    from sqlmigrate.operations import status as operations

    migrations = folder.survey(context.config.directory)
    with context.database() as url:
        planned = operations.status(url, migrations, **_place(context))
    context.report.status(planned)
    settled = all(row.state in ("executed", "baseline") for row in planned.plan.rows)
    return EXIT_ATTENTION if check and not settled else 0


@command("sqlmigrate verify", _LOOKS)
def verify(context: Context) -> int:
    """Check the files, and compare them with the history if a database is named. Writes nothing."""
    from sqlmigrate.operations import status as operations
    from sqlmigrate.plan.rows import unchanged
    from sqlmigrate.plan.up import faults_in, faults_of

    if context.config.is_url_empty:
        _refuse_empty_url(context)
    migrations = folder.survey(context.config.directory)
    folder.require_read(migrations)
    if not migrations.faults:
        require_some(context, migrations)
    if not context.has_database:
        if faults := faults_of(migrations):
            raise gather(faults)
        context.report.verified(migrations, None)
        return 0
    try:
        with context.database() as url:
            planned, errors = operations.verify(url, migrations, **_place(context))
    except SqlmigrateError as error:
        raise gather([*faults_of(migrations), error]) from None
    executed = unchanged(planned.plan.rows)
    faults, settled = faults_of(migrations, executed), faults_in(executed)
    if faults or errors:
        raise gather([*faults, *errors])
    context.report.verified(migrations, planned, settled)
    return 0


def _refuse_empty_url(context: Context) -> None:
    """Raise the error of an empty DATABASE_URL as every command does, and say how the files alone are checked."""
    try:
        require_url(context.config)
    except ConfigError as error:
        raise error.with_(next_steps=["or, to check the files alone: unset DATABASE_URL"]) from None


@command("sqlmigrate log", _LOOKS)
@click.argument("version", required=False, shell_complete=complete_version)
@click.option(
    "--sql",
    type=click.Choice(("up", "down")),
    help="Write the text of the up or down file of VERSION as the history has recorded it, and nothing else.",
)
def log(context: Context, *, version: str | None, sql: Direction | None) -> None:
    """Show what was done to the database, by whom and when: every up, down, failure, repair and baseline.

    With VERSION, only what was done to this migration.
    """
    from sqlmigrate.operations import status as operations

    if sql and version is None:
        raise ConfigError("`log --sql` needs a version", hint=f"for example: sqlmigrate log 003 --sql {sql}")
    if sql and version:
        with context.database() as url:
            execution, text = operations.recorded(url, version, sql, **_place(context))
        context.report.recorded(execution, sql, text)
        return
    with context.database() as url:
        state, entries = operations.log(url, version, **_place(context))
    context.report.log(state, entries)


@command("sqlmigrate up --to 003", _EXECUTES_FIRST)
@click.option(
    "--to",
    metavar="VERSION",
    shell_complete=complete_version,
    help="Stop after this migration: 3, 003, or its whole name.",
)
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Execute at most N migrations.")
@click.option("--dry-run", is_flag=True, help="Execute in a transaction, and roll it back.")
@click.option("--out-of-order", is_flag=True, help="Also execute pending migrations below the newest executed one.")
def up(context: Context, **options: Any) -> int:
    """Execute pending migrations, each file in one transaction with its row in the history."""
    context.chosen = _chosen(**options)
    return _execute(context, "up", **options)


@command("sqlmigrate down --steps 2", _EXECUTES)
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Undo the last N migrations; 1 by default.")
@click.option(
    "--to",
    metavar="VERSION",
    shell_complete=complete_version,
    help="Undo what was executed after this migration; 0: all.",
)
@click.option("--all", is_flag=True, help="Undo all executed migrations; asks first.")
@click.option("--dry-run", is_flag=True, help="Undo in a transaction, and roll it back; asks nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def down(context: Context, *, yes: bool, **options: Any) -> int:
    """Undo the last executed migration, or more of them, in the reverse order of execution."""
    if options["all"] and (options["to"] or options["steps"]):
        raise ConfigError(
            "`down --all` contradicts --to and --steps",
            state=NOTHING_CHANGED,
            hint="give --all alone, or --to and --steps without it",
        )
    if not options["dry_run"] and (options["all"] or _goes_below_all(context, **options)):
        context.confirm(yes=yes, question="Undo every migration, and lose the data in their tables?")
        yes = True
    tried = ["--dry-run"] if options["dry_run"] else []  # what comes next must not undo what was only tried
    context.chosen = " ".join(filter(None, [_chosen(**options), *tried]))
    return _execute(context, "down", asks=not yes, **options)


def _chosen(*, to: str | None, **options: Any) -> str:
    """Return the flags of a call that the next one needs as well; with `--steps` it would do more than was asked."""
    words = [f"--to {shlex.quote(to)}"] if to else []
    words += [f"--{name.replace('_', '-')}" for name in ("all", "out_of_order") if options.get(name)]
    return " ".join(words)


def _goes_below_all(context: Context, *, to: str | None, steps: int | None, **_options: Any) -> bool:
    """Tell whether `--to 0` asks for all migrations, as `--all` does."""
    from sqlmigrate.plan.down import means_all

    if to is None or steps is not None:
        return False
    return means_all(to, (migration.number for migration in folder.survey(context.config.directory)))


@command("sqlmigrate reset --yes", _EXECUTES_FIRST)
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(context: Context, *, yes: bool) -> int:
    """Undo every migration and execute all of them again: for development only."""
    from sqlmigrate.plan.up import read_scripts

    from .run_summary import RunSummary

    question = "Undo every migration, lose the data in their tables, and execute all of them again?"
    context.confirm(yes=yes, question=question)
    with RunSummary("down"):
        migrations = folder.load(context.config.directory)
        require_some(context, migrations)
        read_scripts(migrations)  # nothing is undone that could not be executed again
    return _execute(context, "down", all=True) or _execute(context, "up")


def _execute(context: Context, direction: Direction, *, asks: bool = False, **options: Any) -> int:
    from sqlmigrate.operations import up_down
    from sqlmigrate.output.run_report import RunReport

    from .run_summary import RunSummary

    events = up_down.up if direction == "up" else up_down.down
    asked: set[str] = set()  # a plan may be made again
    with RunSummary(direction, options.get("dry_run", False)) as outcome:
        running = RunReport(context.report)
        options |= {**_place(context), "limits": context.limits, "drift": context.drift}
        migrations = folder.survey(context.config.directory)
        if direction == "up":
            options |= {"into_existing": context.config.into_existing}
            require_some(context, migrations)
        try:
            with context.database() as url, closing(events(url, migrations, **options)) as happening:
                for event in happening:
                    running.tell(event)
                    outcome.keep(event)
                    if asks:
                        _confirm_squashed(context, event, asked)
        except KeyboardInterrupt:
            context.is_interruption_told = True
            if not outcome.failed:
                context.report.error(outcome.interruption())
            raise
        finally:
            running.ended(outcome.executed, outcome.failed, outcome.folded)
    return EXIT_FAILED if outcome.failed else 0


def _confirm_squashed(context: Context, event: Event, asked: set[str]) -> None:
    """Ask before a squashed migration is undone: it stands for many, whose tables go all at once."""
    from sqlmigrate.plan.plan import Planned

    if not isinstance(event, Planned) or event.plan.dry_run:
        return
    for step in event.plan.steps:
        replaces = step.migration.replaces
        if replaces and step.label not in asked:
            asked.add(step.label)
            which = f"{step.label} replaces {replaces}"
            context.confirm(yes=False, question="Undo all of them, and lose the data in their tables?", reason=which)


def require_some(context: Context, migrations: Folder) -> None:
    """Raise `ConfigError` for an empty folder: most likely it is the wrong one. If all its files have faults: those."""
    if not migrations and migrations.faults:
        raise gather(migrations.faults)
    if not migrations:
        raise none_found(context, migrations)


def none_found(context: Context, migrations: Folder) -> ConfigError:
    """Return the error of an empty folder."""
    directory = context.config.directory
    hint, commands = way_to_migrations(directory) or (
        "a migration is a file named VERSION_NAME.up.sql; is this the right folder?",
        ['sqlmigrate create "my first table"'],
    )
    return ConfigError(
        f"there is no migration in `{directory}`",
        detail=[*where_it_was_looked_for(directory), *(note.message for note in migrations.notes)],
        hint=hint,
        next_steps=commands,
    )


@command('sqlmigrate create "add user settings table"', ["folder"])
@click.argument("name")
@click.option("--timestamp", is_flag=True, help="Use a time stamp (YYYYMMDD_HHMMSS, UTC) as version, not a number.")
def create(context: Context, *, name: str, timestamp: bool) -> None:
    """Create a new pair of files. Its version follows the newest in the folder: a number or a time stamp."""
    from sqlmigrate.files.create import create as create_files

    up_file, down_file = create_files(context.config.directory, name, now=context.now, timestamp=timestamp)
    context.report.created(up_file, down_file)


@command("sqlmigrate repair 003", _LOOKS)
@click.argument("version", shell_complete=complete_version)
@click.option("--yes", is_flag=True, help="Do not ask.")
def repair(context: Context, *, version: str, yes: bool) -> None:
    """Make the history agree with the folder again: accept a changed file, or forget a failed or missing one."""
    from sqlmigrate.operations import repair as operations

    migrations = folder.survey(context.config.directory)
    with context.database() as url:
        row, question = operations.repairable(url, migrations, version, **_place(context))
        context.confirm(yes=yes, question=question)
        state, done = operations.repair(
            url, row, **_place(context), lock_wait=context.config.lock_wait, drift=context.drift
        )
    context.report.repaired(state, row.label, done)


@command("sqlmigrate baseline 002", [*_LOOKS, "shadow"])
@click.argument("version", shell_complete=complete_version)
@click.option("--shadow-url", metavar="URL", help="The server to execute the files on, for the comparison.")
@click.option("--trusted", is_flag=True, help="Execute the files there as a superuser: only files you trust.")
@click.option("--yes", is_flag=True, help="Do not compare, and do not ask.")
def baseline(context: Context, *, version: str, yes: bool, **shadow: Any) -> None:
    """Declare that this database already is at VERSION: everything up to it is recorded, nothing is executed.

    Compares first with what the files up to VERSION make, and asks if objects disagree. With --yes it does neither.
    """
    from sqlmigrate.operations import repair as operations

    migrations = folder.survey(context.config.directory, holds_data=not yes)
    with context.database() as url:
        if not yes and (doubt := _baseline_doubt(context, url, migrations, version, **shadow)):
            context.confirm(yes=yes, question="Record these migrations as executed all the same?", reason=doubt)
        state, declared = operations.baseline(
            url,
            migrations,
            version,
            **_place(context),
            lock_wait=context.config.lock_wait,
            drift=context.drift,
        )
    context.report.declared(state, declared)


def _baseline_doubt(context: Context, url: str, migrations: Folder, version: str, **shadow: Any) -> str:
    """Return why this database may not be at a version; empty if nothing speaks against it."""
    from sqlmigrate.operations import repair as operations
    from sqlmigrate.shadow.baseline import agreement
    from sqlmigrate.shadow.built_schema import Wanted

    if missing := operations.baseline_doubt(url, migrations, version, **_place(context)):
        return missing
    config = context.config
    if config.schema:
        context.report.text(
            f"not compared with what the files make, because {config.schema} is one schema of many: "
            "only its tables were looked for",
            stream="stderr",
        )
        return ""
    wanted = Wanted(
        Path(config.embedded_directory),
        config.table,
        shadow_url=shadow["shadow_url"],
        is_trusted=shadow["trusted"],
        extensions=config.extension,
    )
    found = agreement(url, migrations, version, wanted)
    if found.note:
        context.report.folder_notes([found.note], stream="stderr")
    if found.doubt:
        shown = context.as_called(f"sqlmigrate drift --against files --to {shlex.quote(version)}")
        context.report.folded(f"to see what disagrees, with all values: {shown}", stream="stderr")
    return found.doubt or ""


@command("sqlmigrate split sql/003_add_roles.up.sql")
@click.argument("file", type=click.Path())
def split(context: Context, *, file: str) -> None:
    """Show how a file is split into statements, one line each. No database is needed."""
    from sqlmigrate.parsing import script

    context.report.cuts(script.read(file_text.read(file)))


@command('eval "$(sqlmigrate completion bash)"')
@click.argument("shell", type=click.Choice(SHELLS))
def completion(context: Context, *, shell: str) -> None:
    """Print a shell's completion script."""
    context.report.text(*script(shell).splitlines())
    context.report.json({"shell": shell, "script": script(shell)})
