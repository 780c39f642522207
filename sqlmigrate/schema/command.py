"""The command `schema`: the schema that the migrations make, as a file in the pull request.

What loads the driver or the parser is imported inside the functions, as in `cli/commands.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sqlmigrate.cli.context import EXIT_FAILED, Context
from sqlmigrate.cli.program import command
from sqlmigrate.config.url import checked, named
from sqlmigrate.errors import ConfigError, gather
from sqlmigrate.files import folder

from .drift_command import drift
from .squash_command import squash

if TYPE_CHECKING:
    from sqlmigrate.shadow.built_schema import BuiltSchema

__all__ = ["drift", "schema", "squash"]  # the commands of this room

_STDOUT = "-"


@command("sqlmigrate schema", ["folder", "schema", "shadow"])
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 and a diff if the file is not up to date.")
@click.option("--output", metavar="FILE", help="Write to another file; - is stdout.")
@click.option("--from", "source", metavar="URL", help="Show what this database has, on stdout, for looking.")
@click.option("--shadow-url", metavar="URL", help="The server to build the schema on.")
@click.option("--trusted", is_flag=True, help="Execute the migrations as a superuser: only files you trust.")
@click.option("--leave-out", is_flag=True, help="Leave out what cannot be executed of old files of another tool.")
def schema(context: Context, **options: Any) -> int:
    """Write the schema that the migrations make to schema.sql, sorted, for the pull request."""
    from sqlmigrate.ddl.schema_file import SchemaFile

    from . import file, screens

    _refuse_contradictions(options)
    path = Path(options["output"] or context.config.schema_file)
    if options["output"] != _STDOUT and (options["output"] or not options["source"]):
        file.require_outside(path, context.config.directory)
    if options["source"] or options["output"] == _STDOUT:
        built = _built(context, options)
        shown = SchemaFile(built.schema)
        context.report.json(screens.value(built, shown))
        screens.notes(context.report, built, shown)
        if context.report.form == "text":
            _print(context, shown.text, options["output"])
        return 0
    old = file.read(path)
    file.require_ours(path, old)
    if options["check"] and old is None:
        folder.survey(context.config.directory)  # in another folder, that of the migrations is missing
        raise ConfigError(f"{path} does not exist", next_steps=["sqlmigrate schema"])
    if options["check"] and old and (error := file.conflict(path, old)):
        raise error
    built = _built(context, options)
    new = SchemaFile(built.schema)
    context.report.json(screens.value(built, new, path, is_up_to_date=old == new.text))
    screens.notes(context.report, built, new, is_pinned=_is_pinned(context, options, old, new.text))
    if options["check"]:
        screens.checked(context.report, path, file.difference(path, old or "", new.text), built)
        return EXIT_FAILED if old != new.text else 0
    if old != new.text:
        file.write(path, new.text)
    screens.written(context.report, path, old, new.text, built)
    return 0


def _is_pinned(context: Context, options: dict[str, Any], old: str | None, new: str) -> bool:
    """Tell whether nothing is to be said of the version that writes the file: it may be why the file differs."""
    is_news = old is None or (options["check"] and old != new)
    return context.config.schema_postgres is not None or not is_news


def _refuse_contradictions(options: dict[str, Any]) -> None:
    if options["check"] and (options["source"] or options["output"] == _STDOUT):
        raise ConfigError("--check compares the file with the migrations: it takes no --from and no `--output -`")


def _built(context: Context, options: dict[str, Any]) -> BuiltSchema:
    from sqlmigrate.plan.up import faults_of
    from sqlmigrate.shadow import built_schema as built

    config = context.config
    if options["source"]:
        url = named(checked(options["source"], "--from"), config.application_name)
        return built.of_database(url, config.table)
    migrations = folder.survey(config.directory, holds_data=True)
    folder.require_read(migrations)
    faults = [each for each in faults_of(migrations) if not (each.span and each.span.source.path.endswith(".down.sql"))]
    if faults and not options["leave_out"]:
        old = ConfigError(
            "the schema is not written: not all files can be executed",
            hint="what another tool executed long ago may be left out as far as it has to be: --leave-out",
        )
        raise gather([*faults, old] if any(each.span for each in faults) else faults)  # names are to be mended
    wanted = built.Wanted(
        Path(config.embedded_directory),
        config.table,
        config.schema_postgres,
        options["shadow_url"],
        options["trusted"],
        config.extension,
    )
    return built.of_files(migrations, wanted)


def _print(context: Context, text: str, output: str | None) -> None:
    if output in (None, _STDOUT):
        context.report.writer.exact(text)
        return
    from . import file

    file.write(Path(output or ""), text)
