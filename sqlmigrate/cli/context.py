"""What a command gets: the settings, the report, the database, a question to the user."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sqlmigrate.config import passwords, resolve
from sqlmigrate.config.url import named
from sqlmigrate.config.url_parts import EMBEDDED
from sqlmigrate.errors import NOTHING_CHANGED, ON_PRIMARY, ConfigError
from sqlmigrate.times import now

if TYPE_CHECKING:
    from datetime import datetime

    from sqlmigrate.output.report import Report
    from sqlmigrate.plan.plan import DriftPolicy, Limits


EXIT_FAILED, EXIT_ATTENTION = 1, 3
_IN_SCHEMA = r"(?:^|: )sqlmigrate (?:status|verify|log|up|down|reset|repair|baseline|drift)\b"
_ANSWER = len(" [y/N]: n")  # what stands behind a question


@dataclass
class Context:
    """One call of the program.

    Attributes:
        command: the command's name.
        flags: the settings that were given as flags.
        chosen: the flags of this `up` or `down` that say which migrations, and that a further call needs as well.
        is_interruption_told: whether the user has read already that the call was interrupted.
    """

    command: str
    flags: Mapping[str, str]
    is_interruption_told: bool = False
    chosen: str = ""

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables."""
        return os.environ

    @property
    def now(self) -> datetime:
        """The current time, in UTC."""
        return now()

    @cached_property
    def config(self) -> resolve.Config:
        """The settings; raises `ConfigError`."""
        try:
            directory = Path.cwd()
        except OSError as error:
            raise ConfigError(f"the current folder cannot be found: {error.strerror}") from None
        return resolve.resolve(self.flags, self.environment, directory)

    @cached_property
    def report(self) -> Report:
        """What the command shows, as text or as JSON."""
        from sqlmigrate.output.report import Report  # noqa: PLC0415 - loads the driver, which `--help` does without

        directory = self.flags.get("directory") or "sql"
        with suppress(ConfigError):  # it is raised again when the command asks for the settings
            directory = self.config.directory
        return Report(directory, "json" if self.flags.get("format") == "json" else "text", self.as_called)

    def as_called(self, command: str) -> str:
        """Return a command of ours, `sqlmigrate up`, as this user has to type it: with the flags of this call.

        A password is masked. The flag stays: without it the command would go to the database that DATABASE_URL names.
        A call of `fleet` stays as it is: it has the options of this one already.
        """
        if self.chosen and re.search(rf"(^|: )sqlmigrate {self.command}$", command):
            command += f" {self.chosen}"
        if (schema := self.flags.get("schema")) and re.search(_IN_SCHEMA, command):
            called, into_file, path = command.partition(" > ")
            command = f"{called} --schema {shlex.quote(schema)}{into_file}{path}"
        program = self._program(command)
        return re.sub(r"(^|: )sqlmigrate (?!fleet )(?=[a-z])", lambda match: f"{match[1]}{program} ", command, count=1)

    def _program(self, command: str) -> str:
        words = ["sqlmigrate"]
        is_here = not command.startswith(ON_PRIMARY)
        for name in ("database_url", "directory", "table") if is_here else ("directory", "table"):
            value = None if f" --{name.replace('_', '-')} " in command else self.flags.get(name)  # one of many targets
            if value:
                words += [
                    f"--{name.replace('_', '-')}",
                    shlex.quote(passwords.masked(value) if name == "database_url" else value),
                ]
        return " ".join(words)

    @property
    def has_database(self) -> bool:
        """Whether a database is named, or the embedded server was used here; a review alone leaves no data of it."""
        embedded = Path(self.config.embedded_directory)
        return self.config.url is not None or any((embedded / name).exists() for name in ("data", "elsewhere"))

    @contextmanager
    def database(self) -> Iterator[str]:
        """Yield the URL of the database; the embedded server runs meanwhile if nothing names a database."""
        url = resolve.require_url(self.config)
        if url != EMBEDDED:
            yield named(url, self.config.application_name)
            return
        from sqlmigrate.embedded.programs import require_installed  # noqa: PLC0415 - only where it is needed
        from sqlmigrate.embedded.server import server  # noqa: PLC0415 - only where it is needed

        require_installed()
        directory = self.config.embedded_directory
        is_elsewhere = directory != resolve.EMBEDDED_DIRECTORY
        if not self.config.named_by or is_elsewhere:
            reason = "" if self.config.named_by else "no database is named: "
            whose = ", the folder of the project's file" if is_elsewhere else ""
            self.report.text(f"{reason}using the embedded PostgreSQL in {directory}/{whose}", stream="stderr")
        self.report.place = f"postgres, embedded in {directory}/"
        with server(Path(directory)) as embedded:
            yield named(embedded, self.config.application_name)

    @property
    def limits(self) -> Limits:
        """How long a run waits for others."""
        from sqlmigrate.plan.plan import Limits  # noqa: PLC0415 - loads the driver

        return Limits(self.config.lock_wait, self.config.lock_timeout, self.config.lock_retries)

    @property
    def drift(self) -> DriftPolicy:
        """What a run does if the schema was changed by hand."""
        from sqlmigrate.plan.plan import DriftPolicy  # noqa: PLC0415 - loads the driver

        return DriftPolicy(self.config.drift, self.config.drift_ignore)

    def require_terminal(self, *, yes: bool, reason: str = "", without: str = "add --yes") -> None:
        """Raise `ConfigError` if a question could not be asked; for a command that works long before it asks.

        `without` says how the question is not asked.
        """
        if not (yes or (sys.stdin.isatty() and sys.stderr.isatty())):
            raise ConfigError(
                f"`{self.command}` asks a question first, and there is no terminal to ask on",
                detail=[reason] if reason else [],
                state=NOTHING_CHANGED,
                hint=f"to go on without the question, {without}",
            )

    def confirm(self, *, yes: bool, question: str, reason: str = "", where: str = "") -> None:
        """Ask the question on a terminal, unless `yes` is set; `reason` says why it is asked.

        `where` is what would be changed; by default the database.

        Raises `NotConfirmedError` if the answer is no, `ConfigError` if there is no terminal.
        """
        if yes:
            return
        self.require_terminal(yes=yes, reason=reason)
        self.report.writer.close()  # what the question is about is read before it
        asked = f"{reason}. {question}" if reason else question
        if not _is_confirmed(f"{asked} ({where or self.config.shown})"):
            raise NotConfirmedError


class NotConfirmedError(Exception):
    """The user answered no."""


def _forget_typed() -> None:
    """Discard what was typed before the question is shown: it was not meant as an answer."""
    try:
        import termios  # noqa: PLC0415 - only to ask, and not on every system
    except ImportError:
        return
    with suppress(termios.error, OSError, ValueError):  # stdin is not a terminal, or is closed
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


def _is_confirmed(question: str) -> bool:
    from sqlmigrate.output.wrapping import folded  # noqa: PLC0415 - only to ask
    from sqlmigrate.output.writer import terminal_width  # noqa: PLC0415 - only to ask

    width = terminal_width("stderr")
    room = None if width is None else width - _ANSWER
    _forget_typed()
    lines = ["".join(text for _, text in line) for line in folded([("", question)], room, 3)]
    try:
        return click.confirm("\n".join(lines), err=True)
    except click.Abort as abort:
        click.echo(err=True)
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise abort.__context__ from None
        return False
