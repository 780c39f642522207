"""The commands of the review: review, explain, renumber.

What loads the driver, the parser or the rules is imported inside the functions, as in `cli/commands.py`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sqlmigrate import durations
from sqlmigrate.cli.context import EXIT_FAILED, Context
from sqlmigrate.cli.program import command
from sqlmigrate.errors import ConfigError

from .new.subjects import find_subjects

if TYPE_CHECKING:
    from sqlmigrate.output.excerpt import Line

    from .results import Review


_FORMATS = ("text", "markdown", "json", "sarif", "github", "gitlab", "html")
_DEFAULT_LIMIT = "30s"
_TITLE_INDENT = 6  # of the title of a rule that does not fit next to its name


@command("sqlmigrate review --base origin/main", ["database", "folder", "shadow"])
@click.argument("files", nargs=-1, type=click.Path(), metavar="[FILE]...")
@click.option("--base", metavar="REF", help="The branch to compare with; by default the upstream's default branch.")
@click.option("--database-url", metavar="URL", help="Review what is pending in this database, instead of a branch.")
@click.option("--format", type=click.Choice(_FORMATS), help="How to print the review.  [default: text]")
@click.option("--output", "outputs", multiple=True, metavar="FORMAT=FILE", help="Also write the review to a file.")
@click.option("--fail-on", type=click.Choice(["danger", "warning", "never"]), default="danger", show_default=True,
              help="Exit with 1 if there is a finding of this severity or worse.")  # fmt: skip
@click.option("--shadow-url", metavar="URL", help="A server to try the migrations on, best with production's version.")
@click.option("--postgres", type=int, metavar="N", help="Major version of the PostgreSQL to start on this machine.")
@click.option("--seed", type=click.Path(path_type=Path), metavar="FILE", help="SQL file with rows of your own to add.")
@click.option(
    "--sizes", type=click.Path(path_type=Path), metavar="FILE", help="CSV file with the table sizes of production."
)
@click.option("--sizes-query", is_flag=True, help="Only print the query that exports the sizes.")
@click.option("--static", is_flag=True, help="Read the SQL only, execute nothing.")
@click.option("--trusted", is_flag=True, help="Execute the new migrations as a superuser: only files you trust.")
@click.option("--timeout", default=_DEFAULT_LIMIT, metavar="TIME", show_default=True,
              help="Time limit per statement on the shadow server.")  # fmt: skip
def review(context: Context, **options: Any) -> int:
    """Show what new migrations will do to a live database, by executing them on a throwaway database."""
    from . import pipeline, sizes
    from .new.checkout import find_checkout

    if options["sizes_query"]:
        context.report.text(sizes.QUERY)
        context.report.json({"query": sizes.QUERY})
        return 0
    outputs = _outputs(options["outputs"])
    if options["seed"] and not options["seed"].is_file():
        raise ConfigError(f"--seed {options['seed']}: there is no such file")
    subjects = find_subjects(context, options["files"], options["base"])
    settings = pipeline.Settings(
        Path(context.config.embedded_directory),
        context.config.table,
        options["shadow_url"],
        options["postgres"],
        options["seed"],
        _seconds(options["timeout"]),
        sizes.read(options["sizes"]) if options["sizes"] else {},
        options["static"],
        context.config.directory,
        options["trusted"],
        Path(context.config.schema_file),
        context.config.schema_postgres,
        context.config.extension,
    )
    result = replace(pipeline.review(subjects, settings), checkout=find_checkout(context.environment))
    _print(context, result, context.flags.get("format", "text"))
    for form, path in outputs:
        _write(result, form, path)
    return EXIT_FAILED if pipeline.has_failed(result, options["fail_on"]) else 0


def _outputs(texts: Sequence[str]) -> list[tuple[str, Path]]:
    outputs = []
    for text in texts:
        form, equals, path = text.partition("=")
        if not equals or not path or form not in _FORMATS:
            raise ConfigError(
                f"--output {text}: expected FORMAT=FILE, with one of the formats {', '.join(_FORMATS)}",
                hint="for example: --output markdown=review.md",
            )
        outputs.append((form, Path(path)))
    return outputs


def _seconds(text: str) -> float:
    if fault := durations.wait_fault(text):
        raise ConfigError(f"--timeout: {fault}", hint="a number and a unit: 30s, 500ms, 2min")
    return durations.seconds(text)


def _print(context: Context, result: Review, form: str) -> None:
    if form == "text":
        from sqlmigrate.output.writer import terminal_width

        from .formats import text

        context.report.text(*text.lines(result, terminal_width("stdout")))
        return
    from .formats import FORMATS

    context.report.page(FORMATS[form](result))


def _write(result: Review, form: str, path: Path) -> None:
    from .formats import FORMATS

    try:
        path.write_text(FORMATS[form](result), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--output {form}={path} cannot be written: {error.strerror}") from error


def _complete_rule(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from .rules.all_rules import RULES

    return [name for name in RULES if name.startswith(incomplete)]


@command("sqlmigrate explain drop-column")
@click.argument("rule", required=False, shell_complete=_complete_rule)
def explain(context: Context, *, rule: str | None) -> None:
    """Explain a rule of the review, or list all rules: why it matters, what to do instead, how to allow it."""
    from sqlmigrate.output.writer import terminal_width

    from .rules import all_rules

    room = terminal_width("stdout")
    context.report.text(*(all_rules.explain(rule, room).splitlines() if rule else _list_of_rules(room)))
    shown = [all_rules.RULES[rule]] if rule else all_rules.RULES.values()
    context.report.json({"rules": [asdict(each) for each in shown]})


def _list_of_rules(room: int | None) -> Iterator[Line]:
    """Return a line for each rule under the heading of its subject, folded to `room` cells."""
    from sqlmigrate.output.wrapping import folded

    from .rules import all_rules

    column = max(map(len, all_rules.RULES)) + 2
    for subject, rules in all_rules.SUBJECTS.items():
        yield [("bold", subject)]
        for rule in rules:
            line: Line = [("", f"   {rule.name:<{column}}{rule.severity:<9}"), ("", rule.title)]
            yield from folded(line, room, _TITLE_INDENT)
        yield []
    yield [("", "all about one rule: "), ("cyan", "sqlmigrate explain RULE")]


@command("sqlmigrate renumber --base origin/main", ["folder"])
@click.option("--base", metavar="REF", help="The branch to compare with; by default the upstream's default branch.")
def renumber(context: Context, *, base: str | None) -> None:
    """Give new migrations the next versions after the merged ones, and rename both files of each."""
    from .new.renumber import renumber as move

    moves = move(context.config.directory, base, context.environment, context.now)
    context.report.json({"moves": [{"from": str(old), "to": str(new)} for old, new in moves]})
    context.report.text(*(f"{old} ──▶ {new}" for old, new in moves))
    if not moves:
        context.report.text("nothing to rename: the new migrations come after the newest merged one")
        return
    context.report.folded(
        "If a database has executed them with their old versions, undo them there: sqlmigrate down. It uses the texts "
        "recorded in the history, and undoes the newest migration; --steps undoes more. Then: sqlmigrate up"
    )
    for step in _after_renaming(context.config.directory, context.config.schema_file):
        context.report.text(context.report.next_step(step))


def _after_renaming(directory: str, schema_file: str) -> Iterator[str]:
    """Yield what is to be done in git: it does not know the new names yet, and schema.sql may be in a conflict."""
    paths = [directory]
    if Path(schema_file).exists():
        yield "sqlmigrate schema"
        paths.append(schema_file)
    yield f"git add --all {shlex.join(paths)}"
