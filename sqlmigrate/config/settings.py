"""The settings: one record each, and nothing about a setting is written anywhere else.

From a record come the flag with its help, the environment variable, the key in the project's file, the list in
``sqlmigrate --help`` and the table in the documentation. `resolve` decides which value counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sqlmigrate import durations
from sqlmigrate.errors import NOTHING_EXECUTED, ConfigError
from sqlmigrate.spelling import did_you_mean

Kind = Literal["text", "path", "number", "duration", "choice", "switch", "list"]
Scope = Literal["all", "database", "one schema", "folder", "execution", "first run", "schema", "shadow"]

_YES, _NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")
_MOST_RETRIES = 1000
_OLDEST_MAJOR, _NEWEST_MAJOR = 13, 99
_DRIFT = ("off", "warn", "refuse")
# https://www.postgresql.org/docs/current/runtime-config-logging.html#GUC-APPLICATION-NAME: more is cut, or shown as `?`
_LONGEST_NAME = 63
# https://www.postgresql.org/docs/current/extend-extensions.html: no leading or trailing `-`, no `--`, no separator
_EXTENSION = re.compile(r"[A-Za-z_]\w*(?:-\w+)*(?:=[\w.]+(?:[-+~][\w.]+)*)?", re.ASCII)


@dataclass(frozen=True)
class Value:
    """A value as the user wrote it.

    Attributes:
        text: the value; empty counts as not set.
        where: its place in the user's words: a flag, a variable, or a file with line and key.
    """

    text: str
    where: str


@dataclass(frozen=True)
class Setting:
    """A setting of the program.

    Attributes:
        name: its key in the project's file; flag and variable are made from it.
        meaning: what it decides, for the help of the flag and for the documentation.
        default: the value that holds if none is set; empty if there is none.
        example: a value as one would write it on the command line.
        kind: what a value is.
        placeholder: what stands for a value in the help of the flag.
        scope: the commands that have the flag, a key of `SCOPES`; None if there is no flag.
        variable: the environment variable; None if there is none.
        is_in_file: whether it may stand in the project's file.
        choices: every possible value, if they can be counted.
        fault: says what is wrong with a value and how to write it right; None for a good one.
        read: makes the value that the program works with from the text.
    """

    name: str
    meaning: str
    default: str
    example: str
    kind: Kind = "text"
    placeholder: str = "NAME"
    scope: Scope | None = "all"
    variable: str | None = None
    is_in_file: bool = True
    choices: tuple[str, ...] = ()
    fault: Callable[[str], tuple[str, str] | None] = lambda _value: None
    read: Callable[[str], Any] = str

    @property
    def flag(self) -> str:
        """The option on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def is_name(self) -> bool:
        """Whether it is the name of a database object, which may need its quotes."""
        return self.name == "table"

    @property
    def key(self) -> str:
        """The setting with an example, as it is written in the project's file."""
        if self.kind == "switch":
            return f"{self.name} = true"
        if self.kind == "list":
            return f"{self.name} = [{', '.join(_quoted(each) for each in _entries(self.example))}]"
        return f"{self.name} = {self.example}" if self.kind == "number" else f'{self.name} = "{self.example}"'

    def check(self, value: Value) -> str:
        """Return the text of a value; raises `ConfigError`, with the value's place, if it is not possible."""
        if value.text and (fault := self.fault(value.text)):
            message, cure = fault
            raise ConfigError(f"{value.where}: {message}", state=NOTHING_EXECUTED, hint=cure)
        return value.text


def _entries(text: str) -> tuple[str, ...]:
    """Return the entries of a list, which are lines of its text."""
    return tuple(filter(None, (each.strip() for each in text.split("\n"))))


def _quoted(entry: str) -> str:
    return f"'{entry}'" if '"' in entry else f'"{entry}"'


def _choice_fault(choices: tuple[str, ...]) -> Callable[[str], tuple[str, str] | None]:
    def fault(value: str) -> tuple[str, str] | None:
        if value in choices:
            return None
        return f"`{value}` is not one of {', '.join(choices)}", did_you_mean(value, choices) or " | ".join(choices)

    return fault


def _wait_fault(value: str) -> tuple[str, str] | None:
    fault = durations.wait_fault(value)
    return (fault, "a number and a unit: 60s, 500ms, 2min") if fault else None


def _lock_timeout_fault(value: str) -> tuple[str, str] | None:
    cure = "a number and a unit: 5s, 500ms, 2min"
    if value.isdecimal() and value.isascii() and int(value):
        return f"`{value}` has no unit, and PostgreSQL would read it as milliseconds", cure
    fault = durations.timeout_fault(value)
    return (fault, cure) if fault else None


def _retries_fault(value: str) -> tuple[str, str] | None:
    if value.isdecimal() and value.isascii() and int(value) <= _MOST_RETRIES:
        return None
    return f"`{value}` is not a number of retries", f"a number from 0 to {_MOST_RETRIES:,}"


def _major_fault(value: str) -> tuple[str, str] | None:
    if value.isdecimal() and value.isascii() and _OLDEST_MAJOR <= int(value) <= _NEWEST_MAJOR:
        return None
    return f"`{value}` is not a major version of PostgreSQL", "a number: 18, not 18.4"


def _major(value: str) -> int | None:
    return int(value) if value else None


def _name_fault(value: str) -> tuple[str, str] | None:
    if len(value) <= _LONGEST_NAME and value.isascii() and value.isprintable():
        return None
    return (
        f"PostgreSQL cannot show `{value}` as a name in pg_stat_activity",
        f"at most {_LONGEST_NAME} ASCII characters: PostgreSQL cuts a longer name and shows `?` for other characters",
    )


def _extensions_fault(value: str) -> tuple[str, str] | None:
    wrong = [each for each in _entries(value) if not _EXTENSION.fullmatch(each)]
    if not wrong:
        return None
    return f"`{wrong[0]}` is not the name of an extension", "a name, or name and version: postgis, postgis=3.4.2"


def _switch_fault(value: str) -> tuple[str, str] | None:
    return None if value.lower() in (*_YES, *_NO) else (f"`{value}` is neither yes nor no", "yes or no")


def _is_on(value: str) -> bool:
    return value.lower() in _YES


_RECORDS = (
    Setting(
        name="database_url",
        meaning="Database URL or libpq keywords; without it DATABASE_URL, then libpq's variables (PGHOST …)",
        default="",
        example="postgresql://app@db.internal/shop",
        placeholder="URL",
        scope="database",
        variable="DATABASE_URL",
        is_in_file=False,
    ),
    Setting(
        name="directory",
        meaning="Folder of the migrations",
        default="sql",
        example="db/migrations",
        kind="path",
        placeholder="DIR",
        scope="folder",
        variable="SQLMIGRATE_DIRECTORY",
    ),
    Setting(
        name="table",
        meaning="History table, with its schema if needed",
        default="migrations",
        example="ops.migrations",
        scope="database",
        variable="SQLMIGRATE_TABLE",
    ),
    Setting(
        name="schema",
        meaning="The only schema on the `search_path`, with a history of its own: a target of `fleet --schemas`",
        default="",
        example="tenant_7",
        scope="one schema",
        is_in_file=False,
    ),
    Setting(
        name="format",
        meaning="Output for people or for programs",
        default="text",
        example="json",
        kind="choice",
        is_in_file=False,
        choices=("text", "json"),
    ),
    Setting(
        name="lock_wait",
        meaning="How long to wait for another run of sqlmigrate",
        default="60s",
        example="10min",
        kind="duration",
        placeholder="TIME",
        scope="execution",
        variable="SQLMIGRATE_LOCK_WAIT",
        fault=_wait_fault,
        read=durations.seconds,
    ),
    Setting(
        name="lock_timeout",
        meaning="lock_timeout for each migration",
        default="5s",
        example="500ms",
        kind="duration",
        placeholder="TIME",
        scope="execution",
        variable="SQLMIGRATE_LOCK_TIMEOUT",
        fault=_lock_timeout_fault,
    ),
    Setting(
        name="lock_retries",
        meaning="How often to retry a migration that did not get its locks",
        default="10",
        example="20",
        kind="number",
        placeholder="N",
        scope="execution",
        variable="SQLMIGRATE_LOCK_RETRIES",
        fault=_retries_fault,
        read=int,
    ),
    Setting(
        name="into_existing",
        meaning="Execute the first `up` although the database has tables or the history of another tool",
        default="no",
        example="yes",
        kind="switch",
        placeholder="",
        scope="first run",
        variable="SQLMIGRATE_INTO_EXISTING",
        fault=_switch_fault,
        read=_is_on,
    ),
    Setting(
        name="schema_file",
        meaning="File that `schema` writes",
        default="schema.sql",
        example="db/schema.sql",
        kind="path",
        placeholder="FILE",
        scope="schema",
        variable="SQLMIGRATE_SCHEMA_FILE",
    ),
    Setting(
        name="schema_postgres",
        meaning="Major version of PostgreSQL that writes the schema; by default the one that `review` starts",
        default="",
        example="18",
        kind="number",
        placeholder="N",
        scope="schema",
        variable="SQLMIGRATE_SCHEMA_POSTGRES",
        fault=_major_fault,
        read=_major,
    ),
    Setting(
        name="drift",
        meaning="What `up` does if the schema was changed by hand; `off` also keeps no snapshots of it",
        default="warn",
        example="refuse",
        kind="choice",
        scope="execution",
        variable="SQLMIGRATE_DRIFT",
        choices=_DRIFT,
        fault=_choice_fault(_DRIFT),
    ),
    Setting(
        name="drift_ignore",
        meaning="What may be changed by hand: a list of kind and name, with `*` for any characters",
        default="",
        example="partition public.events_*\nextension *",
        kind="list",
        scope=None,
        read=_entries,
    ),
    Setting(
        name="extension",
        meaning="Extension that the throwaway server's administrator creates first: postgis, or postgis=3.4.2",
        default="",
        example="postgis\npg_cron",
        kind="list",
        scope="shadow",
        fault=_extensions_fault,
        read=_entries,
    ),
    Setting(
        name="application_name",
        meaning="Name of the session in pg_stat_activity; a name in the URL or in PGAPPNAME comes first",
        default="sqlmigrate",
        example="deploy",
        scope=None,
        variable="SQLMIGRATE_APPLICATION_NAME",
        fault=_name_fault,
    ),
)
SETTINGS = {setting.name: setting for setting in _RECORDS}
IN_FILE = {setting.name: setting for setting in _RECORDS if setting.is_in_file}

# Which commands have a flag, in words.
SCOPES: dict[Scope, str] = {
    "all": "every command",
    "database": "commands that use the database",
    "one schema": "commands that use one database, except `review` and `adopt`",
    "folder": "commands that read the folder",
    "execution": "commands that execute migrations",
    "first run": "`up` and `reset`",
    "schema": "`schema`",
    "shadow": "commands that execute on a throwaway server",
}


def default(name: str) -> Any:
    """Return the value that the program works with if a setting is not set."""
    setting = SETTINGS[name]
    return setting.read(setting.default)


def markdown_table() -> str:
    """Return the table of all settings in Markdown, as the documentation shows it."""
    return "\n".join(_table_lines()) + "\n"


def _table_lines() -> Iterator[str]:
    yield "| flag | environment variable | key in the file | default | example | meaning |"
    yield "|---|---|---|---|---|---|"
    for setting in _RECORDS:
        values = "|".join(setting.choices) or setting.placeholder
        cells = [
            f"{setting.flag} {values}".rstrip() if setting.scope else "",
            setting.variable or "",
            setting.name if setting.is_in_file else "",
            setting.default,
            setting.key if setting.kind == "list" else setting.example,
        ]
        marked = [f"`{cell}`".replace("|", "\\|") if cell else "" for cell in cells]
        scope = f" (flag of {SCOPES[setting.scope]})" if setting.scope else ""
        yield f"| {' | '.join(marked)} | {setting.meaning}{scope} |"
