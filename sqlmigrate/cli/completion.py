"""What a shell offers when the user presses the tab key: the script for the shell, and the versions of the folder.

Commands, options and choices are completed by click itself, file names by the shell.
"""

from __future__ import annotations

import os
from contextlib import suppress

import click

from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.files.naming import FILE_NAME

from .context import Context
from .options import given_settings
from .program import cli

SHELLS = ("bash", "zsh", "fish")


def script(shell: str) -> str:
    """Return the completion script of a shell of `SHELLS`; it calls the program back for each completion."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - most calls need no script

    found = get_completion_class(shell)
    if found is None:
        raise AssertionError(f"click has no completion for {shell}")
    return found(cli, {}, "sqlmigrate", "_SQLMIGRATE_COMPLETE").source()


def complete_version(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the migrations of the folder that begin with what was typed, with or without leading zeros."""
    parents = context.parent.params if context.parent else {}
    flags = given_settings(parents) | given_settings(context.params)
    names: list[str] = []
    with suppress(SqlmigrateError, OSError):  # a wrong setting or folder: nothing to offer
        names = os.listdir(Context(str(context.info_name), flags).config.directory)  # noqa: PTH208 - the names are enough
    matches = [match for name in sorted(names) if (match := FILE_NAME.fullmatch(name)) and match["direction"] == "up"]
    labels = [f"{match['version']}_{match['name']}" for match in matches]
    typed = [label for label in labels if label.startswith(incomplete)]
    return typed or [label for label in labels if label.lstrip("0").startswith(incomplete)]
