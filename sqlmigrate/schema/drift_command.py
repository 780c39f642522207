"""The command `drift`: what was changed by hand.

What loads the driver is imported inside the functions, as in `cli/commands.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sqlmigrate.cli.context import EXIT_ATTENTION, EXIT_FAILED, Context
from sqlmigrate.cli.program import command

if TYPE_CHECKING:
    from .drift_result import Result

_FORMATS = ("text", "json", "markdown")


@command("sqlmigrate drift", ["database", "folder"])
@click.option("--format", type=click.Choice(_FORMATS), help="How to print what was found.  [default: text]")
def drift(context: Context) -> int:
    """Show what was changed by hand, compared with the snapshot that the last run has taken. Writes nothing.

    Exits with 1 if something was changed, with 3 if it cannot be known.
    """
    from sqlmigrate.operations import drift as operations

    from .drift_result import of_snapshot

    with context.database() as url:
        report = operations.drift(url, context.drift, table=context.config.table)
    result = of_snapshot(report)
    _show(context, result)
    if result.problem:
        return EXIT_ATTENTION
    return EXIT_FAILED if result.items else 0


def _show(context: Context, result: Result) -> None:
    form = context.flags.get("format", "text")
    if form == "json":
        from .drift_formats import json_value

        context.report.json(json_value(result))
    elif form == "markdown":
        from .drift_formats import markdown

        context.report.page(markdown(result))
    else:
        from sqlmigrate.output.writer import terminal_width

        from .drift_screen import lines

        context.report.text(*lines(result, terminal_width("stdout")))
        for step in result.problem.next_steps if result.problem else _next(result):
            context.report.text(context.report.next_step(step))


def _next(result: Result) -> list[str]:
    return ["sqlmigrate drift --sql"] if result.items else []
