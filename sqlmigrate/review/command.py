"""The commands of the room: review, explain, renumber."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sqlmigrate import config
from sqlmigrate.call import EXIT_FAILED, Call, command
from sqlmigrate.errors import ConfigError

if TYPE_CHECKING:
    from sqlmigrate.files import Migration

    from .facts import Review
    from .review import Subjects

_FORMATS = ("text", "markdown", "json", "sarif", "github", "gitlab", "html")
_DEFAULT_LIMIT = "30s"


@command("sqlmigrate review --base origin/main", own=("format",))
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--base", metavar="REF", help="What is merged; by default the upstream's default branch.")
@click.option("--format", "form", type=click.Choice(_FORMATS), help="How to print it; text by default.")
@click.option("--output", "outputs", multiple=True, metavar="FORMAT=FILE", help="Write it to a file as well.")
@click.option("--fail-on", type=click.Choice(["danger", "warning", "never"]), default="danger", show_default=True,
              help="Exit with 1 from this severity on.")  # fmt: skip
@click.option("--shadow-url", metavar="URL", help="A server to try them on, with production's version and extensions.")
@click.option("--postgres", type=int, metavar="N", help="The major version of a server of this machine's own.")
@click.option("--seed", type=click.Path(path_type=Path), metavar="FILE", help="Rows of the project's own, as SQL.")
@click.option("--sizes", type=click.Path(path_type=Path), metavar="FILE", help="How large production's tables are.")
@click.option("--sizes-query", is_flag=True, help="Print the query that exports them, and do nothing else.")
@click.option("--static", is_flag=True, help="Judge by the text alone, without a server.")
@click.option("--timeout", default=_DEFAULT_LIMIT, metavar="TIME", show_default=True, help="For one statement there.")
def review(call: Call, **options: Any) -> int:
    """Tell what new migrations will do to a live database, by executing them on a throwaway one and watching."""
    from . import review as room, sizes  # noqa: PLC0415

    if options["sizes_query"]:
        call.report.text(sizes.QUERY)
        return 0
    outputs = _outputs(options["outputs"])
    if options["seed"] and not options["seed"].is_file():
        raise ConfigError(f"--seed {options['seed']} is no file that can be read")
    subjects = _subjects(call, options["files"], options["base"])
    settings = room.Settings(
        Path(config.EMBEDDED_DIRECTORY),
        call.config.table,
        options["shadow_url"],
        options["postgres"],
        options["seed"],
        _seconds(options["timeout"]),
        sizes.read(options["sizes"]) if options["sizes"] else {},
        options["static"],
        call.config.directory,
    )
    result = room.review(subjects, settings)
    _print(call, result, options["form"] or call.flags.get("format") or "text")
    for form, path in outputs:
        _write(result, form, path)
    return EXIT_FAILED if room.fails(result, options["fail_on"]) else 0


def _outputs(texts: Sequence[str]) -> list[tuple[str, Path]]:
    outputs = []
    for text in texts:
        form, equals, path = text.partition("=")
        if not equals or not path or form not in _FORMATS:
            raise ConfigError(
                f"--output {text}: a format and a file are wanted", hint="for example --output markdown=review.md"
            )
        outputs.append((form, Path(path)))
    return outputs


def _seconds(text: str) -> float:
    from sqlmigrate import settings  # noqa: PLC0415

    if fault := settings.SETTINGS["lock_wait"].fault(text):
        raise ConfigError(f"--timeout {text}: " + "; ".join(fault))
    return settings.seconds(text)


def _print(call: Call, result: Review, form: str) -> None:
    if form == "text":
        from sqlmigrate.writer import width  # noqa: PLC0415

        from .formats import text  # noqa: PLC0415

        call.report.text(*text.lines(result, width() if sys.stdout.isatty() else None))
        return
    from .formats import FORMATS  # noqa: PLC0415

    call.report.page(FORMATS[form](result))


def _write(result: Review, form: str, path: Path) -> None:
    from .formats import FORMATS  # noqa: PLC0415

    try:
        path.write_text(FORMATS[form](result), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--output {form}={path} cannot be written: {error.strerror}") from error


# -- which are new -----------------------------------------------------------------------------------------------------


def _subjects(call: Call, named: Sequence[str], ref: str | None) -> Subjects:
    from sqlmigrate import files  # noqa: PLC0415

    from .review import Subjects  # noqa: PLC0415

    directory = call.config.directory
    if named:
        migrations = files.load(directory)
        chosen = _named(migrations, named, directory)
        first = min(migration.number for migration in chosen)
        return Subjects("the files below them", tuple(m for m in migrations if m.number < first), chosen)
    if call.flags.get("database_url"):
        return _pending(call, files.load(directory))
    from . import base  # noqa: PLC0415

    return _of_git(base.new(directory, ref, os.environ))


def _named(migrations: Sequence[Migration], names: Sequence[str], directory: str) -> tuple[Migration, ...]:
    """Find the migrations of the files that are named, by path, file name, label or version."""
    chosen: dict[Migration, None] = {}
    for name in names:
        label = Path(name).name.removesuffix(".sql").removesuffix(".up").removesuffix(".down")
        found = [m for m in migrations if label in (m.label, m.version)]
        if not found:
            raise ConfigError(f"{name} is no migration of `{directory}`", hint="name its file, or its version")
        chosen.update(dict.fromkeys(found))
    return tuple(sorted(chosen, key=lambda migration: migration.number))


def _pending(call: Call, migrations: Sequence[Migration]) -> Subjects:
    from sqlmigrate import upkeep  # noqa: PLC0415
    from sqlmigrate.plan import Policy  # noqa: PLC0415

    from .review import Subjects  # noqa: PLC0415

    with call.database() as url:
        planned = upkeep.status(url, migrations, Policy(table=call.config.table))
    rows = planned.plan.rows
    return Subjects(
        planned.state.server.where,
        tuple(row.migration for row in rows if row.migration and row.is_executed),
        tuple(row.migration for row in rows if row.migration and row.is_pending),
    )


def _of_git(new: Any) -> Subjects:
    from .review import Subjects  # noqa: PLC0415
    from .rule import Finding  # noqa: PLC0415
    from .rules import RULES  # noqa: PLC0415

    findings = tuple(
        Finding(RULES[each.rule], RULES[each.rule].severity, each.message, path=each.path, what_now=each.what_now)
        for each in new.findings
    )
    return Subjects(new.base.ref, new.base.migrations, new.migrations, findings)


# -- beside ------------------------------------------------------------------------------------------------------------


@command("sqlmigrate explain drop-column")
@click.argument("rule", required=False)
def explain(call: Call, *, rule: str | None) -> None:
    """Explain a rule of the review, or list them all: why, what instead, how to say that it is meant."""
    from . import rules  # noqa: PLC0415

    if rule is None:
        for each in rules.RULES.values():
            call.report.text(f"{each.name:<36}{each.severity:<9}{each.title}")
        return
    call.report.text(*rules.explain(rule).splitlines())


@command("sqlmigrate renumber --base origin/main")
@click.option("--base", metavar="REF", help="What is merged; by default the upstream's default branch.")
def renumber(call: Call, *, base: str | None) -> None:
    """Move the new migrations behind the newest that is merged, both files of each."""
    from .renumber import renumber as move  # noqa: PLC0415

    moves = move(call.config.directory, base, os.environ)
    for old, new in moves:
        call.report.text(f"{old} ──▶ {new}")
    if moves:
        call.report.text(
            "a database that has executed them knows them by their old numbers: there, take them back with the old",
            "files before you go on (git stash; sqlmigrate down --to VERSION; git stash pop), or make it anew",
        )
    else:
        call.report.text("nothing to move: the new migrations stand behind the newest that is merged")
