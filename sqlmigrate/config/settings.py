"""The known settings: default, example, and what a value may be.

A setting is a flag, an environment variable ``SQLMIGRATE_NAME``, or a key of ``[tool.sqlmigrate]`` in
``pyproject.toml``; `resolve` decides which of them counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlmigrate.durations import WAIT, timeout_fault
from sqlmigrate.errors import ConfigError

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


def _wait_fault(value: str) -> tuple[str, str] | None:
    if WAIT.fullmatch(value):
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
