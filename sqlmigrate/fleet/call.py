"""One call of `fleet`: its settings, its targets, and the commands that go on from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlmigrate.cli.commands import require_some
from sqlmigrate.cli.context import Context
from sqlmigrate.errors import ConfigError
from sqlmigrate.files.migration import Folder

from . import html_parts
from .advice import Commands
from .causes import Causes
from .pool import each
from .target import Target
from .typed import Typed

_T = TypeVar("_T")


@dataclass(frozen=True)
class Call:
    """One call of the command.

    Attributes:
        context: The settings, and what shows the results.
        targets: The targets.
        migrations: The folder.
        options: The options of the command, by their names.
        typed: The call as it was typed.
    """

    context: Context
    targets: tuple[Target, ...]
    migrations: Folder
    options: dict[str, Any]
    typed: Typed

    @property
    def action(self) -> str:
        """What was asked for: ``status``, ``up``, ``down``, ``verify`` or ``drift``."""
        return self.typed.action

    @property
    def commands(self) -> Commands:
        """The history table, and the commands that hints name."""
        return Commands(
            self.context.config.table, self.typed.for_hint, self.context.as_called, self.typed.ask_all("verify")
        )

    @property
    def causes(self) -> Causes:
        """What shows errors that targets share."""
        return Causes(self.context.report, is_verbose=self.options["verbose"])

    def require_some(self) -> None:
        """Raise `ConfigError` for an empty folder, as `up` and `verify` of one database do."""
        try:
            require_some(self.context, self.migrations)
        except ConfigError as error:
            raise self.typed.about_folder(error) from None

    def for_page(self, again: str, differing: str = "") -> html_parts.Call:
        """What a page says of the call; `again` is the next command, `differing` the one that says what differs."""
        return html_parts.Call(
            self.typed.again(self.action), self.context.report.directory, self.context.now, again, differing
        )

    def ask_each(self, ask: Callable[[Target], _T], tell: Callable[[Target, _T], None] | None = None) -> dict[str, _T]:
        """Ask each target, several at once; `tell` gets each answer when it is there. Gives them by name, in order."""
        found: dict[str, _T] = {}
        for target, answer in each(self.targets, ask, self.options["jobs"], self.options["per_server"]):
            found[target.name] = answer
            if tell:
                tell(target, answer)
        return {target.name: found[target.name] for target in self.targets}
