"""What can be set: each setting's name, its default, and what a value of it may be.

A setting is a flag, an environment variable ``SQLMIGRATE_NAME``, or a key of ``[tool.sqlmigrate]`` in
``pyproject.toml``; which of them counts is `config`'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import ConfigError

_DURATION = re.compile(r"(?P<count>[0-9]+) ?(?P<unit>us|ms|s|min|h|d)?")
_MILLISECONDS = {"us": 0.001, "ms": 1, None: 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_WAIT = re.compile(r"(?P<count>[0-9]+(?:\.[0-9]+)?) ?(?P<unit>ms|s|min|h)?")
_LONGEST = 2**31 - 1  # milliseconds, of lock_timeout and statement_timeout
_MOST_RETRIES = 1000
# https://www.postgresql.org/docs/current/runtime-config-logging.html#GUC-APPLICATION-NAME: more is cut, or shown as `?`
_LONGEST_NAME = 63


@dataclass(frozen=True)
class Setting:
    """A setting: what holds without it, an example of it, and what is wrong with a value: the fault and its cure."""

    default: str
    example: str
    fault: Callable[[str], tuple[str, str] | None] = lambda _value: None


@dataclass(frozen=True)
class Value:
    """The value of a setting, and where it stands: a variable's name, or a file's with the line and the key."""

    text: str
    where: str


# -- values ------------------------------------------------------------------------------------------------------------


def timeout_fault(value: str) -> str | None:
    """Say what is wrong with a duration for PostgreSQL's timeouts, which count milliseconds where no unit is given.

    https://www.postgresql.org/docs/current/config-setting.html#CONFIG-SETTING-NAMES-VALUES
    """
    match = _DURATION.fullmatch(value)
    if not match:
        return f"`{value}` is no duration"
    if int(match["count"]) * _MILLISECONDS[match["unit"]] > _LONGEST:
        return f"`{value}` is longer than PostgreSQL can wait, which is 24 days"
    return None


def milliseconds(value: str) -> float:
    """Give the milliseconds of a duration for PostgreSQL's timeouts; 0, which is no bound, where it is none."""
    match = _DURATION.fullmatch(value)
    return int(match["count"]) * _MILLISECONDS[match["unit"]] if match else 0


def seconds(value: str) -> float:
    """Give the seconds of a duration that `SETTINGS` has found right; a number alone counts them."""
    match = _WAIT.fullmatch(value)
    if not match:
        raise AssertionError(f"{value} is no duration")
    return float(match["count"]) * _MILLISECONDS[match["unit"] or "s"] / 1000


def _wait_fault(value: str) -> tuple[str, str] | None:
    if _WAIT.fullmatch(value):
        return None
    return f"`{value}` is no duration", "a number and a unit: 60s, 500ms, 2min"


def _lock_timeout_fault(value: str) -> tuple[str, str] | None:
    cure = "a number and a unit: 5s, 500ms, 2min"
    if value.isdecimal() and value.isascii() and int(value):
        return f"`{value}` has no unit, and PostgreSQL would count milliseconds", cure
    fault = timeout_fault(value)
    return (fault, cure) if fault else None


def _retries_fault(value: str) -> tuple[str, str] | None:
    if value.isdecimal() and value.isascii() and int(value) <= _MOST_RETRIES:
        return None
    return f"`{value}` is no number of tries", f"a number from 0 to {_MOST_RETRIES:,}"


def _name_fault(value: str) -> tuple[str, str] | None:
    if len(value) <= _LONGEST_NAME and value.isascii() and value.isprintable():
        return None
    return (
        f"`{value}` cannot be shown as a name in pg_stat_activity",
        f"at most {_LONGEST_NAME} characters, of ASCII: a longer name is cut, others become `?`",
    )


SETTINGS = {
    "directory": Setting("sql", '"sql"'),
    "table": Setting("migrations", '"ops.migrations"'),
    "lock_wait": Setting("60s", '"60s"', _wait_fault),
    "lock_timeout": Setting("5s", '"5s"', _lock_timeout_fault),
    "lock_retries": Setting("10", "10", _retries_fault),
    "application_name": Setting("sqlmigrate", '"deploy"', _name_fault),
}


def variable(name: str) -> str:
    """Give the environment variable of a setting."""
    return f"SQLMIGRATE_{name.upper()}"


def checked(name: str, value: Value) -> str:
    """Give the text of a value; raises `ConfigError` with its place where it cannot be meant (empty is not said)."""
    fault = SETTINGS[name].fault(value.text) if value.text else None
    if fault:
        message, cure = fault
        raise ConfigError(f"{value.where}: {message}", hint=cure)
    return value.text


# -- pyproject.toml ----------------------------------------------------------------------------------------------------


def of_project(directory: Path) -> dict[str, Value]:
    """Read the settings of the `pyproject.toml` of a folder, or of the next above it.

    Raises `ConfigError` for a setting that nobody knows, or that cannot be meant.
    """
    for folder in (directory, *directory.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            return _table(path)
    return {}


def _table(path: Path) -> dict[str, Value]:
    try:
        text = path.read_text(encoding="utf-8")
        table = _parsed(text) if "sqlmigrate" in text else {}
    except (OSError, ValueError) as error:  # not UTF-8, not TOML
        raise ConfigError(f"{path} cannot be read: {error}") from None
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: [tool.sqlmigrate] is not a table", hint='[tool.sqlmigrate]: table = "…"')
    found = {name: Value(_text(path, name, value), _place(path, text, name)) for name, value in table.items()}
    for name, value in found.items():
        checked(name, value)
    if "directory" in found and path.parent != Path.cwd():
        found["directory"] = Value(str(path.parent / found["directory"].text), found["directory"].where)
    return found


def _parsed(text: str) -> Any:
    import tomllib  # noqa: PLC0415 - few projects have settings

    tool = tomllib.loads(text).get("tool", {})
    return tool.get("sqlmigrate", {}) if isinstance(tool, dict) else tool


def _text(path: Path, name: str, value: Any) -> str:
    if name not in SETTINGS:
        raise _unknown(path, name)
    is_number = SETTINGS[name].example.isdecimal()
    if is_number and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return value
    kind = "number" if is_number else "text"
    example = SETTINGS[name].example if name.startswith("lock_") else '"…"'
    raise ConfigError(f"{path}: `{name}` of [tool.sqlmigrate] is not a {kind}", hint=f"{name} = {example}")


def _place(path: Path, text: str, name: str) -> str:
    """Say where a setting stands in a file; the line itself is not shown, a neighbour of it may be a secret."""
    start = re.search(r"^\s*\[\s*tool\s*\.\s*[\"']?sqlmigrate[\"']?\s*\]", text, re.MULTILINE)
    key = re.compile(rf"^[ \t]*[\"']?{name}[\"']?[ \t]*=", re.MULTILINE).search(text, start.end()) if start else None
    return f"{path}:{text.count(chr(10), 0, key.start()) + 1}: {name}" if key else f"{path}: {name}"


def _unknown(path: Path, name: str) -> ConfigError:
    if "url" in name or "password" in name:
        hint = "a database is named by --database-url or DATABASE_URL, never in a file that is committed"
    else:
        import difflib  # noqa: PLC0415 - only for an error

        near = difflib.get_close_matches(name, SETTINGS, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known are: {', '.join(SETTINGS)}"
    return ConfigError(f"{path}: unknown setting `{name}` in [tool.sqlmigrate]", hint=hint)
