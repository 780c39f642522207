"""The call as it was typed: for the next command, and for the head of a page. No password is in it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import click

from sqlmigrate.cli.program import TYPED
from sqlmigrate.config.passwords import MASK, masked
from sqlmigrate.output.excerpt import Line

_SECRET_COLUMN = re.compile(r"'(?:''|[^'])*'(?=(?:::\w+)?\s+(?:as\s+)?\"?(?:ssl)?password\b)", re.IGNORECASE)


@dataclass(frozen=True)
class Option:
    """An option as it was typed.

    Attributes:
        name: Its name in the program: ``dry_run``.
        words: What was typed, without passwords: ``--jobs``, ``4``.
    """

    name: str
    words: tuple[str, ...]


def typed_options(context: click.Context) -> tuple[Option, ...]:
    """Return the options of this call in their order, also those that stand before the command."""
    params = [*context.command.params, *(context.parent.command.params if context.parent else ())]
    options = {each: param for param in params if isinstance(param, click.Option) for each in param.opts}
    return tuple(_options(context.meta.get(TYPED, ()), options))


def _options(words: Sequence[str], options: dict[str, click.Option]) -> Iterator[Option]:
    rest = iter(words)
    for word in rest:
        flag, equals, value = word.partition("=")
        option = options.get(flag)
        if option is None or option.name is None:
            continue  # `fleet`, and what is to be done
        if option.is_flag:
            yield Option(option.name, (flag,))
            continue
        shown = _without_password(option.name, value if equals else next(rest, ""))
        yield Option(option.name, (f"{flag}={shown}",) if equals else (flag, shown))


def _without_password(name: str, value: str) -> str:
    if name == "database_url":
        return masked(value)
    return _SECRET_COLUMN.sub(f"'{MASK}'", value) if name == "query" else value


def as_command(action: str, options: Iterable[Option], without: Collection[str] = ()) -> str:
    """Return the command that does something with the same options, for a shell."""
    words = [word for option in options if option.name not in without for word in option.words]
    return shlex.join(["sqlmigrate", "fleet", action, *words])


def next_line(command: str) -> Line:
    """Return the line that names the next command, which has all its options already."""
    return [("", "next: "), ("cyan", command)]
