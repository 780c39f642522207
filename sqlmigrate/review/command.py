"""The commands of the room: review, explain, renumber."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sqlmigrate.cli.context import EXIT_FAILED, Context
from sqlmigrate.cli.program import command
from sqlmigrate.config import resolve
from sqlmigrate.errors import ConfigError

from .new.subjects import find_subjects

if TYPE_CHECKING:
    from .results import Review


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
def review(call: Context, **options: Any) -> int:
    """Tell what new migrations will do to a live database, by executing them on a throwaway one and watching."""
    from . import pipeline, sizes  # noqa: PLC0415

    if options["sizes_query"]:
        call.report.text(sizes.QUERY)
        return 0
    outputs = _outputs(options["outputs"])
    if options["seed"] and not options["seed"].is_file():
        raise ConfigError(f"--seed {options['seed']} is no file that can be read")
    subjects = find_subjects(call, options["files"], options["base"])
    settings = pipeline.Settings(
        Path(resolve.EMBEDDED_DIRECTORY),
        call.config.table,
        options["shadow_url"],
        options["postgres"],
        options["seed"],
        _seconds(options["timeout"]),
        sizes.read(options["sizes"]) if options["sizes"] else {},
        options["static"],
        call.config.directory,
    )
    result = pipeline.review(subjects, settings)
    _print(call, result, options["form"] or call.flags.get("format") or "text")
    for form, path in outputs:
        _write(result, form, path)
    return EXIT_FAILED if pipeline.fails(result, options["fail_on"]) else 0


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
    from sqlmigrate import durations  # noqa: PLC0415
    from sqlmigrate.config import settings  # noqa: PLC0415

    if fault := settings.SETTINGS["lock_wait"].fault(text):
        raise ConfigError(f"--timeout {text}: " + "; ".join(fault))
    return durations.seconds(text)


def _print(call: Context, result: Review, form: str) -> None:
    if form == "text":
        from sqlmigrate.output.writer import terminal_width  # noqa: PLC0415

        from .formats import text  # noqa: PLC0415

        call.report.text(*text.lines(result, terminal_width("stdout")))
        return
    from .formats import FORMATS  # noqa: PLC0415

    call.report.page(FORMATS[form](result))


def _write(result: Review, form: str, path: Path) -> None:
    from .formats import FORMATS  # noqa: PLC0415

    try:
        path.write_text(FORMATS[form](result), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--output {form}={path} cannot be written: {error.strerror}") from error


@command("sqlmigrate explain drop-column")
@click.argument("rule", required=False)
def explain(call: Context, *, rule: str | None) -> None:
    """Explain a rule of the review, or list them all: why, what instead, how to say that it is meant."""
    from .rules import all_rules  # noqa: PLC0415

    if rule is None:
        for each in all_rules.RULES.values():
            call.report.text(f"{each.name:<36}{each.severity:<9}{each.title}")
        return
    call.report.text(*all_rules.explain(rule).splitlines())


@command("sqlmigrate renumber --base origin/main")
@click.option("--base", metavar="REF", help="What is merged; by default the upstream's default branch.")
def renumber(call: Context, *, base: str | None) -> None:
    """Move the new migrations behind the newest that is merged, both files of each."""
    from .new.renumber import renumber as move  # noqa: PLC0415

    moves = move(call.config.directory, base, call.environment, call.now)
    for old, new in moves:
        call.report.text(f"{old} ──▶ {new}")
    if moves:
        call.report.text(
            "a database that has executed them knows them by their old numbers: there, take them back with the old",
            "files before you go on (git stash; sqlmigrate down --to VERSION; git stash pop), or make it anew",
        )
    else:
        call.report.text("nothing to move: the new migrations stand behind the newest that is merged")
