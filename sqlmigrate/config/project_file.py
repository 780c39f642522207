"""Reads the project's settings: `sqlmigrate.toml`, or `[tool.sqlmigrate]` of `pyproject.toml`.

The nearest folder that has one of the two files counts, and only that folder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlmigrate.errors import NOTHING_EXECUTED, ConfigError
from sqlmigrate.spelling import did_you_mean

from . import outside
from .settings import IN_FILE, Value

OWN_FILE, SHARED_FILE, SECTION = "sqlmigrate.toml", "pyproject.toml", "[tool.sqlmigrate]"

_KINDS = {"number": "a whole number", "switch": "true or false", "list": "a list of texts in quotes"}
_HEAD = re.compile(r"^[ \t]*\[[ \t]*tool[ \t]*\.[ \t]*[\"']?sqlmigrate[\"']?[ \t]*\]", re.MULTILINE)


@dataclass(frozen=True)
class Project:
    """What a project's file says.

    Attributes:
        folder: the folder with the file; the current folder if no file has settings.
        values: the settings in the file.
    """

    folder: Path
    values: Mapping[str, Value]


def find_project(directory: Path) -> Project:
    """Find the project that a folder belongs to: the nearest file with settings in the folder or above it.

    Raises `ConfigError` for a file that cannot be read, for an unknown or impossible setting, and where both files of
    one folder have settings.
    """
    for folder in (directory, *directory.parents):
        own, shared = _text(folder / OWN_FILE), _text(folder / SHARED_FILE)
        if own is not None or shared is not None:
            values = _of_folder(folder, own or "", shared or "", directory)
            return Project(folder if values or own is not None else directory, values)
    return Project(directory, {})


def _of_folder(folder: Path, own: str, shared: str, directory: Path) -> dict[str, Value]:
    found = _File(folder / OWN_FILE, own).values()
    also = _File(folder / SHARED_FILE, shared, SECTION).values()
    if found and also:
        raise ConfigError(
            f"both {folder / OWN_FILE} and {SECTION} of {SHARED_FILE} in the same folder have settings",
            state=NOTHING_EXECUTED,
            hint="move all settings to one of the two files",
        )
    values = found or also
    if folder == directory:
        return values
    return {
        name: _from_folder(folder, value) if IN_FILE[name].kind == "path" else value for name, value in values.items()
    }


def _from_folder(folder: Path, value: Value) -> Value:
    """Return a path that is relative to the file with the settings."""
    return Value(str(folder / value.text), value.where)


def _text(path: Path) -> str | None:
    """Read a file; None if there is none."""
    try:
        return path.read_text(encoding="utf-8-sig") if path.is_file() else None
    except (OSError, ValueError) as error:  # not readable, not UTF-8
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> ConfigError:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return ConfigError(f"{path} cannot be read: {reason}", state=NOTHING_EXECUTED)


@dataclass(frozen=True)
class _File:
    """A file with settings.

    Attributes:
        path: its path.
        text: what it contains.
        section: the table of the file that holds the settings, as it is written; empty for the top level.
    """

    path: Path
    text: str
    section: str = ""

    def values(self) -> dict[str, Value]:
        """Return the settings in the file, each checked."""
        table = self._table() if "sqlmigrate" in self.text or not self.section else {}
        if not isinstance(table, dict):
            raise ConfigError(
                f"{self.path}: {SECTION} is not a table", state=NOTHING_EXECUTED, hint=f'{SECTION}: table = "…"'
            )
        found = {name: Value(self._value(name, value), self._place(name)) for name, value in table.items()}
        for name, value in found.items():
            IN_FILE[name].check(value)
        return found

    def _table(self) -> Any:
        if not self.text:
            return {}
        import tomllib  # noqa: PLC0415 - 5 ms, and most projects have no settings

        try:
            whole = tomllib.loads(self.text)
        except ValueError as error:  # not TOML
            raise _unreadable(self.path, error) from None
        if not self.section:
            return whole
        tool = whole.get("tool", {})
        return tool.get("sqlmigrate", {}) if isinstance(tool, dict) else tool

    def _value(self, name: str, value: Any) -> str:
        if name not in IN_FILE:
            raise self._unknown(name)
        is_number = IN_FILE[name].kind == "number"
        if is_number and isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        is_switch = IN_FILE[name].kind == "switch"
        if is_switch and isinstance(value, bool):
            return "yes" if value else "no"
        is_list = IN_FILE[name].kind == "list"
        if is_list and isinstance(value, list) and all(isinstance(each, str) for each in value):
            return "\n".join(outside.read(each, self._place(name), may_be_quoted=True) for each in value)
        if isinstance(value, str) and not is_list:
            return outside.read(value, self._place(name), may_be_quoted=IN_FILE[name].is_name)
        kind = _KINDS.get(IN_FILE[name].kind, "a text in quotes")
        message = f"{self._line(name)}: `{name}`{self._of_section('of')} must be {kind}"
        raise ConfigError(message, state=NOTHING_EXECUTED, hint=IN_FILE[name].key)

    def _place(self, name: str) -> str:
        return f"{self._line(name)}: {name}"

    def _line(self, name: str) -> str:
        """Return the file and the line of a setting. The line itself is not shown: a line near it may be a secret."""
        head = _HEAD.search(self.text) if self.section else None
        key = re.compile(rf"^[ \t]*[\"']?{re.escape(name)}[\"']?[ \t]*[=.]", re.MULTILINE)
        found = key.search(self.text, head.end() if head else 0) if head or not self.section else None
        line = f":{self.text.count(chr(10), 0, found.start()) + 1}" if found else ""
        return f"{self.path}{line}"

    def _unknown(self, name: str) -> ConfigError:
        if "url" in name or "password" in name:
            hint = "name the database by --database-url or DATABASE_URL, never in a file that is committed"
        elif name == "tool" and not self.section:
            hint = f"in {OWN_FILE} the settings stand at the top, without {SECTION}"
        else:
            hint = did_you_mean(name, IN_FILE) or f"known are: {', '.join(IN_FILE)}"
        message = f"{self._line(name)}: unknown setting `{name}`{self._of_section('in')}"
        return ConfigError(message, state=NOTHING_EXECUTED, hint=hint)

    def _of_section(self, word: str) -> str:
        return f" {word} {self.section}" if self.section else ""
