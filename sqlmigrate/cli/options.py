"""The options that commands share, and the words that other tools use for our commands."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import click

from sqlmigrate.config import settings


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is not None:
        context.ensure_object(dict)[parameter.name] = value


def shared_options(*, hidden: bool, own: Collection[str] = ()) -> Callable[[Any], Any]:
    """Add the options that every command has but for its own; they may stand before the command or behind it."""

    def add(command: Any) -> Any:
        for name, option in _OPTIONS.items():
            if name not in own:
                flag = f"--{name.replace('_', '-')}"
                command = click.option(flag, **option, expose_value=False, callback=_remember, hidden=hidden)(command)
        return command

    return add


_OPTIONS: dict[str, dict[str, Any]] = {
    "format": {"type": click.Choice(["text", "json"]), "help": "Screens, or JSON for programs."},
    "table": {"metavar": "NAME", "help": "The history table, `migrations` by default."},
    "directory": {"metavar": "DIR", "help": "The folder of the migrations, `sql` by default."},
    "database_url": {"metavar": "URL", "help": "The database; else DATABASE_URL, else libpq's variables."},
}


def _checked(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None and (fault := settings.SETTINGS[str(parameter.name)].fault(value)):
        raise click.BadParameter("; ".join(fault))
    _remember(context, parameter, value)


def lock_options(command: Any) -> Any:
    """Add the options that say how long to wait for others."""
    for name, metavar, what in (
        ("lock_retries", "N", "How often to try a migration again that did not get its locks"),
        ("lock_timeout", "TIME", "PostgreSQL's, for each migration"),
        ("lock_wait", "TIME", "How long to wait for another run"),
    ):
        flag, without = f"--{name.replace('_', '-')}", settings.SETTINGS[name].default
        text = f"{what}; {without} by default."
        command = click.option(flag, metavar=metavar, help=text, expose_value=False, callback=_checked)(command)
    return command


# What other tools call our commands: nobody who types `migrate` means `create`, which is spelled most alike.
WORDS_OF_OTHER_TOOLS = {
    "up": "migrate apply deploy upgrade run sync update execute",
    "down": "rollback undo revert downgrade back",
    "create": "new add generate make revision init",
    "status": "info list ls show current pending",
    "review": "lint check analyze",
    "verify": "lint check validate",
    "log": "history",
    "repair": "resolve fix",
    "baseline": "stamp fake adopt",
    "reset": "redo refresh fresh",
    "--help": "help",
}
