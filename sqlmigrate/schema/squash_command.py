"""The command `squash`: many migrations put into one, which is proven to make the same.

What loads the driver or the parser is imported inside the functions, as in `cli/commands.py`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sqlmigrate.cli.completion import complete_version
from sqlmigrate.cli.context import Context
from sqlmigrate.cli.program import command
from sqlmigrate.errors import NOTHING_CHANGED, ConfigError, Kind, gather
from sqlmigrate.files import folder
from sqlmigrate.files.naming import name_of

if TYPE_CHECKING:
    from sqlmigrate.files.migration import Folder, Migration
    from sqlmigrate.shadow.squash_proof import Builder, Made, Proof


@command("sqlmigrate squash 003 core", ["folder", "schema", "shadow"])
@click.argument("version", shell_complete=complete_version)
@click.argument("name", required=False)
@click.option("--data", type=click.Choice(("all", "none")), show_default="all; with --check, as the file was written",
              help="Whether the rows that the migrations put in are written, too.")  # fmt: skip
@click.option("--no-down", is_flag=True, help="Write no down file: the squashed migration cannot be undone.")
@click.option("--check", is_flag=True, help="Write nothing; prove the squashed migration of VERSION again, for CI.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--shadow-url", metavar="URL", help="The server to build on, best with production's version.")
@click.option("--trusted", is_flag=True, help="Execute the migrations as a superuser: only files you trust.")
def squash(context: Context, *, version: str, name: str | None, yes: bool, **options: Any) -> None:
    """Put all migrations up to VERSION into one, which is proven to make the same schema and rows.

    NAME is a part of its file name: 042_squashed_NAME.up.sql. What it replaces moves to squashed/.
    """
    from . import squash_files, squash_screens

    if options["check"]:
        _check(context, version, options)
        return
    migrations = folder.survey(context.config.directory, holds_data=True)
    if begun := squash_files.begun_moves(migrations, version):
        squash_screens.finished(context.report, *squash_files.finish(*begun))
        return
    replaced = _replaced(migrations, version)
    with_data = options["data"] != "none"
    own_name = f"squashed_{_name(name, replaced)}"
    squash_files.require_short(replaced[-1].version, own_name)
    context.require_terminal(yes=yes)
    with _builder(context, options) as builder:
        made = builder.make(replaced, with_blocks=with_data)
        squashed = _squashed(own_name, replaced, made, with_data=with_data, has_down=not options["no_down"])
        squash_files.require_free(squashed, replaced)
        told = squash_screens.told(replaced, made, with_data=with_data)
        squash_screens.show(context.report, told)
        _prove(builder, made, squashed, with_data=with_data)
    squash_screens.show_proof(context.report, squashed, replaced, made, told)
    question = squash_screens.question(squashed, replaced, made, with_data=with_data)
    context.confirm(yes=yes, question=question, where=f"{context.config.directory.rstrip('/')}/")
    squash_files.write(squashed, replaced)
    squash_screens.written(context.report, squashed, replaced, made, told)


def _check(context: Context, version: str, options: dict[str, Any]) -> None:
    """Prove a squashed migration that is written already, with what the archive has."""
    from sqlmigrate.files.replaces import has_rows

    from . import squash_screens

    squashed, replaced = _archived(context, version)
    with_data = has_rows(squashed.up) if options["data"] is None else options["data"] == "all"
    with _builder(context, options) as builder:
        made = builder.make(replaced)
        proof = _prove(builder, made, squashed, with_data=with_data, is_written=True)
    told = squash_screens.Told((), tuple((each.table, each.count) for each in made.rows.filled), with_data)
    squash_screens.proven(context.report, squashed, replaced, made, told, not_compared=proof.not_compared)


def _builder(context: Context, options: dict[str, Any]) -> AbstractContextManager[Builder]:
    from sqlmigrate.shadow import squash_proof
    from sqlmigrate.shadow.built_schema import Wanted

    config = context.config
    wanted = Wanted(
        Path(config.embedded_directory),
        config.table,
        config.schema_postgres,
        options["shadow_url"],
        options["trusted"],
        config.extension,
    )
    return squash_proof.builder(wanted, folder.survey(config.directory, holds_data=True))


def _archived(context: Context, version: str) -> tuple[Migration, tuple[Migration, ...]]:
    """Return the squashed migration of a version, and those that it replaces; raises if the archive lacks one."""
    from sqlmigrate.plan.rows import find_row, make_rows
    from sqlmigrate.plan.squashed import replaced_by

    migrations = folder.load(context.config.directory, holds_data=True)
    squashed = find_row(make_rows(migrations, ()), version).migration
    if squashed is None or squashed.replaces is None:
        label = squashed.label if squashed else version
        raise ConfigError(
            f"{label} is not a squashed migration", hint="without --check, `squash` writes one up to this version"
        )
    return squashed, replaced_by(squashed, migrations.archive)


def _replaced(migrations: Folder, version: str) -> tuple[Migration, ...]:
    """Return the migrations up to a version."""
    from sqlmigrate.plan.rows import find_row, make_rows

    # A squash that was killed in the middle may have left the down file, which is written before the up file.
    if faults := [each for each in migrations.faults if each.kind is not Kind.NO_UP_FILE]:
        raise gather(faults)
    last = find_row(make_rows(migrations, ()), version).number
    found = tuple(each for each in migrations if each.number <= last)
    if len(found) < 2:  # noqa: PLR2004 - one is one already
        raise _nothing_to_squash(found[0], version)
    return found


def _nothing_to_squash(only: Migration, version: str) -> ConfigError:
    if only.replaces is None:
        message = f"there is nothing to squash: {only.label} is the only migration up to {version}"
        return ConfigError(message, state=NOTHING_CHANGED)
    return ConfigError(
        f"there is nothing to squash: {only.label} has replaced {only.replaces} already",
        state=NOTHING_CHANGED,
        hint="to squash it again with later ones, name a later version; to prove it again:",
        next_steps=[f"sqlmigrate squash {only.version} --check"],
    )


def _name(name: str | None, replaced: tuple[Migration, ...]) -> str:
    if name is None:
        first = replaced[0].replaces.first if replaced[0].replaces else replaced[0].version
        return f"{first}_to_{replaced[-1].version}"
    if not (found := name_of(name)):
        raise ConfigError(
            f"the name `{name}` has no letter or digit, so a file cannot be named after it", state=NOTHING_CHANGED
        )
    return found


def _squashed(name: str, replaced: tuple[Migration, ...], made: Made, *, with_data: bool, has_down: bool) -> Migration:
    from sqlmigrate.files.migration import Migration
    from sqlmigrate.source import Source

    from . import squash_carried, squash_text

    carried = squash_carried.carried(replaced)
    values = made.rows.values if with_data else ()
    contents = squash_text.Contents(made.schema, made.nothing, carried, made.blocks, values, with_data)
    version = replaced[-1].version
    path = f"{replaced[-1].up.path.rpartition('/')[0]}/{version}_{name}"
    up = Source(f"{path}.up.sql", squash_text.up(replaced, contents, has_down=has_down))
    down = Source(f"{path}.down.sql", squash_text.down(contents)) if has_down else None
    return Migration(version, name, up, down)


def _prove(builder: Builder, made: Made, squashed: Migration, *, with_data: bool, is_written: bool = False) -> Proof:
    from . import squash_screens

    proof = builder.prove(made, squashed, with_data=with_data, is_written=is_written)
    if proof.differences:
        raise squash_screens.not_the_same(proof, made, squashed, is_written=is_written)
    return proof
