"""The call as it was typed: for the next command, and for the head of a page. No password is in it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import click

from sqlmigrate.cli.program import TYPED
from sqlmigrate.config.passwords import MASK, masked
from sqlmigrate.errors import ConfigError
from sqlmigrate.output.excerpt import Line

_LOOKS = re.compile(r"sqlmigrate (?P<action>status|verify|up)(?P<flags>| --directory .+)")
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


@dataclass(frozen=True)
class Typed:
    """A call as it was typed.

    Attributes:
        action: What was asked for: ``status``, ``up`` …
        options: Its options, in their order; also those that stand before the command.
        foreign: The options that an action does not have.
    """

    action: str
    options: tuple[Option, ...]
    foreign: Mapping[str, frozenset[str]]

    def again(self, action: str, without: Collection[str] = (), more: Iterable[str] = ()) -> str:
        """Return the command that does something with the same targets, with more words, for a shell.

        Its options are those of this call. A page of this call stays: another action does not write it.
        """
        others = {*self.foreign[action], "outputs"} if action != self.action else set()
        left_out = {*others, *without}
        words = [word for option in self.options if option.name not in left_out for word in option.words]
        return shlex.join(["sqlmigrate", "fleet", action, *words, *more])

    def for_hint(self, action: str, flags: str = "", name: str = "") -> str:
        """Return the command of a hint: with further flags, for one target only if its name is given.

        It is empty if `--only` cannot name that target alone. With `--steps` it would do more than was asked.
        """
        more, without = shlex.split(flags), {"steps"}
        if name:
            if name.startswith("@") or re.search(r"[*?\[\],]", name):
                return ""
            without |= {"only", "skip", "only_failed", "canary", "ask", "max_failures", "outputs"}
            more += ["--only", name]
        without |= {word.removeprefix("--").replace("-", "_") for word in more if word.startswith("--")} - {"only"}
        return self.again(action, without, more)

    def ask_all(self, action: str) -> str:
        """Return the call that does something with all targets, if this one has chosen some; otherwise nothing."""
        choices = {"only", "skip", "only_failed"}
        return self.again(action, choices) if any(option.name in choices for option in self.options) else ""

    def about_folder(self, error: ConfigError) -> ConfigError:
        """Return the error of a wrong folder: a command of it that looks at a database is one for the targets."""
        steps = (
            self.for_hint(found["action"], found["flags"]) if (found := _LOOKS.fullmatch(step)) else step
            for step in error.next_steps
        )
        return error.with_(next_steps=list(steps))


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


def next_line(command: str) -> Line:
    """Return the line that names the next command, which has all its options already."""
    same = "with the same targets on stdin: " if "--targets - " in f"{command} " else ""
    return [("", f"next: {same}"), ("cyan", command)]
