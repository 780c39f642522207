"""The command `fleet`: one folder of migrations on many databases or schemas.

What loads the driver or the parser is imported inside the functions, as in `cli/commands.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from sqlmigrate.cli.completion import complete_version
from sqlmigrate.cli.context import Context
from sqlmigrate.cli.program import command
from sqlmigrate.config.url import named
from sqlmigrate.errors import NOTHING_EXECUTED, ConfigError
from sqlmigrate.files import folder
from sqlmigrate.files.migration import Folder

from .policy import DEFAULT_JOBS

__all__ = ["fleet"]

_OF_FILES = ("status", "up", "down", "verify")  # `drift` compares with snapshots
_ACTIONS = (*_OF_FILES, "drift")
_OF_ONE = ("repair", "baseline")
# The options of some actions only; each with the actions that have it.
_OF_ACTIONS = {
    "check": ("status",),
    "to": ("up", "down"),
    "steps": ("up", "down"),
    "all": ("down",),
    "yes": ("down", "drift"),
    "accept": ("drift",),
    "dry_run": ("up", "down"),
    "out_of_order": ("up",),
    "strict": ("up", "down"),
    "canary": ("up", "down"),
    "ask": ("up", "down"),
    "max_failures": ("up", "down"),
    "outputs": ("status", "up", "down"),
}


# The same of the settings: an action without them does not look at them, wherever they are set.
_SETTINGS_OF_ACTIONS = {
    "into_existing": ("up",),
    "lock_wait": ("up", "down", "drift"),
    "lock_timeout": ("up", "down"),
    "lock_retries": ("up", "down"),
    "drift": ("up", "down"),
}


if TYPE_CHECKING:
    _Choice = click.Choice[str]
else:
    _Choice = click.Choice  # that of click 8.1 takes no type


class _Action(_Choice):
    """What is asked for; a command that is for one database says how it is done for one target of many."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value in _OF_ONE:
            from sqlmigrate.cli.usage_errors import WrongSettingError

            raise WrongSettingError(
                f"`{value}` changes the history of one database: there is no `fleet {value}`",
                f"for each target: sqlmigrate {value} VERSION --database-url URL, for a schema with --schema NAME; "
                "`fleet verify` names the database of each target that differs",
            )
        return super().convert(value, param, ctx)


@command(
    "sqlmigrate fleet up --targets targets.txt",
    ["database", "folder", "execution", "first run"],
    _OF_ACTIONS | _SETTINGS_OF_ACTIONS,
)
@click.argument("action", type=_Action(_ACTIONS))
@click.option("--targets", metavar="FILE", type=click.Path(), help="A name and a URL or keywords a line; - is stdin.")
@click.option("--query", metavar="SQL", help="A query for the targets, asked of --database-url.")
@click.option("--schemas", metavar="PATTERN", multiple=True, help="The schemas of --database-url: 'tenant_*'.")
@click.option("--only", metavar="NAME", multiple=True, help="Only these targets: a name, a pattern, or a tag: @eu.")
@click.option("--skip", metavar="NAME", multiple=True, help="All targets but these.")
@click.option(
    "--only-failed",
    metavar="FILE",
    type=click.Path(),
    help="Those that failed or were left out in this JSON report.",
)
@click.option("--jobs", type=click.IntRange(min=1), default=DEFAULT_JOBS, show_default=True, help="How many at once.")
@click.option("--per-server", type=click.IntRange(min=1), metavar="N", help="How many at once on one server.")
@click.option(
    "--canary", type=click.IntRange(min=0), metavar="N", help="Execute N first, one by one; or tag them @canary."
)
@click.option("--ask", is_flag=True, help="Ask before the others begin: after the canaries, if there are any.")
@click.option("--max-failures", metavar="N", help="Stop after N failed targets, or a share: 5%.  [default: 1]")
@click.option("--strict", is_flag=True, help="Execute nothing if one target is left out or cannot be reached.")
@click.option("--check", is_flag=True, help="status: exit with 3 if one target is behind or needs attention.")
@click.option("--to", metavar="VERSION", shell_complete=complete_version, help="As in `up` and `down`.")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="As in `up` and `down`.")
@click.option("--all", is_flag=True, help="down: undo all executed migrations.")
@click.option("--accept", is_flag=True, help="drift: take snapshots of the schemas as they are now; asks.")
@click.option("--yes", is_flag=True, help="down, drift --accept: do not ask.")
@click.option("--dry-run", is_flag=True, help="Execute in a transaction, and roll it back.")
@click.option("--out-of-order", is_flag=True, help="As in `up`.")
@click.option("--output", "outputs", multiple=True, metavar="FORMAT=FILE", help="Also write a page: html=fleet.html.")
@click.option("--verbose", is_flag=True, help="Every name; in `up` and `down` a line for each target.")
def fleet(context: Context, *, action: str, **options: Any) -> int:
    """Look at many databases or schemas, or bring all of them up to date: `status`, `up`, `down`, `verify`, `drift`.

    Everything is looked at first; then several targets are executed at once. A run that was stopped is continued by
    the same call.
    """
    from .call import Call
    from .calls import work
    from .pages import pages
    from .sources import Wanted, require_one_source, targets_of
    from .typed import Typed, typed_options

    context.command = f"fleet {action}"
    _require_possible(action, options)
    options["outputs"] = pages(options["outputs"])
    wanted = Wanted(
        options["targets"],
        options["query"],
        _listed(options["schemas"]),
        _listed(options["only"]),
        _listed(options["skip"]),
        options["only_failed"],
    )
    require_one_source(wanted)
    foreign = {each: frozenset(name for name, has in _OF_ACTIONS.items() if each not in has) for each in _ACTIONS}
    typed = Typed(action, typed_options(click.get_current_context()), foreign)
    try:
        migrations = folder.survey(context.config.directory) if action in _OF_FILES else Folder()
    except ConfigError as error:
        raise typed.about_folder(error) from None
    with _base(context, needs_database=not wanted.file) as base:
        targets = targets_of(wanted, base, _stdin)
        if not targets and context.report.form == "text":
            context.report.text(f"in {wanted.report} no target failed or was left out: there is nothing to do")
            return 0
        return work(Call(context, targets, migrations, options, typed))


def _listed(values: Sequence[str]) -> tuple[str, ...]:
    """Return the values of an option that may be given several times, each perhaps a list with commas."""
    return tuple(part for value in values for part in value.split(",") if part)


def _require_possible(action: str, options: dict[str, Any]) -> None:
    for name, actions in _OF_ACTIONS.items():
        if options[name] and action not in actions:
            raise ConfigError(
                f"`fleet {action}` has no option --{name.replace('outputs', 'output').replace('_', '-')}",
                state=NOTHING_EXECUTED,
                hint=f"it belongs to: {', '.join(f'fleet {each}' for each in actions)}",
            )
    if options["all"] and (options["to"] or options["steps"]):
        raise ConfigError("`fleet down --all` contradicts --to and --steps", state=NOTHING_EXECUTED)


def _stdin() -> str:
    with click.open_file("-", encoding="utf-8") as stream:
        return str(stream.read())


@contextmanager
def _base(context: Context, *, needs_database: bool) -> Iterator[str]:
    """Yield the URL that targets inherit from; a file of targets does without one."""
    config = context.config
    if config.url is None and not config.is_url_empty and not needs_database:
        yield named("", config.application_name)
        return
    with context.database() as url:
        yield url
