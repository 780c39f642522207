"""Resolves the configuration: flags override environment variables, which override the project's file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sqlmigrate.errors import NOTHING_EXECUTED, ConfigError

from . import outside, project_file
from .passwords import masked
from .settings import IN_FILE, Setting, Value, default
from .url import checked
from .url_parts import EMBEDDED

EMBEDDED_DIRECTORY = ".sqlmigrate"

_VARIABLE = "DATABASE_URL"
_NOT_CI = ("", "0", "false", "no", "off")  # values of CI that say no

# libpq's variables that say which database to use; a password or an SSL mode alone does not.
_LIBPQ_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE")


@dataclass(frozen=True)
class Config:
    """What one call of the program works with.

    Attributes:
        url: a URL or keywords for libpq; empty if libpq's own variables name the database; `EMBEDDED` for the embedded
            server; None if nothing names a database.
        named_by: what named the database, in the user's words; empty if nothing did.
        is_url_empty: whether DATABASE_URL is set, but empty: most likely a secret that did not arrive.
        embedded_directory: the folder of the embedded server: next to the project's file; without one, in the current
            folder.
        is_ci: whether the program runs in continuous integration.
        lock_wait: in seconds.

    The other fields are the settings of the same name.
    """

    url: str | None = field(default=None, repr=False)
    named_by: str = ""
    is_url_empty: bool = False
    is_ci: bool = False
    embedded_directory: str = EMBEDDED_DIRECTORY
    directory: str = default("directory")
    table: str = default("table")
    schema: str | None = None
    lock_wait: float = default("lock_wait")
    lock_timeout: str = default("lock_timeout")
    lock_retries: int = default("lock_retries")
    into_existing: bool = default("into_existing")
    schema_file: str = default("schema_file")
    schema_postgres: int | None = default("schema_postgres")
    application_name: str = default("application_name")
    drift: Literal["off", "warn", "refuse"] = default("drift")
    drift_ignore: tuple[str, ...] = default("drift_ignore")
    extension: tuple[str, ...] = default("extension")

    @property
    def shown(self) -> str:
        """The database in the user's words: the URL without its password, libpq's variables, or the embedded server."""
        if self.url not in (None, EMBEDDED):
            return masked(self.url) if self.url else self.named_by
        return f"the {EMBEDDED} PostgreSQL in {self.embedded_directory}/"


def resolve(flags: Mapping[str, str | None], environment: Mapping[str, str], directory: Path) -> Config:
    """Find the values of all settings: flags over environment over the nearest file at or above `directory`.

    Raises `ConfigError` for a URL that does not parse (with its place, without its password), and for an unknown or
    impossible setting.
    """
    project = project_file.find_project(directory)
    chosen = {name: _chosen(setting, flags, environment, project.values) for name, setting in IN_FILE.items()}
    url, named_by = _database(flags, environment)
    is_url_empty = url is None and _VARIABLE in environment
    embedded = EMBEDDED_DIRECTORY if project.folder == directory else str(project.folder / EMBEDDED_DIRECTORY)
    is_ci, schema = _is_ci(environment), flags.get("schema")
    if schema is not None and not schema.strip():
        raise _empty("--schema")
    return Config(url, named_by, is_url_empty, is_ci=is_ci, embedded_directory=embedded, schema=schema, **chosen)


def _is_ci(environment: Mapping[str, str]) -> bool:
    return environment.get("CI", "").strip().lower() not in _NOT_CI


def _chosen(
    setting: Setting, flags: Mapping[str, str | None], environment: Mapping[str, str], project: Mapping[str, Value]
) -> Any:
    flag = flags.get(setting.name)
    if flag and not outside.trimmed(flag):
        raise _empty(setting.flag)
    values = [Value(flag or "", setting.flag)]
    if setting.variable:
        values.append(Value(environment.get(setting.variable) or "", setting.variable))
    if setting.name in project:
        values.append(project[setting.name])
    read = (_without_blanks(each, setting) for each in values)
    return setting.read(next((setting.check(value) for value in read if value.text), setting.default))


def _without_blanks(value: Value, setting: Setting) -> Value:
    if setting.kind == "list":  # its entries were read one by one
        return value
    return Value(outside.read(value.text, value.where, may_be_quoted=setting.is_name), value.where)


def _empty(flag: str) -> ConfigError:
    return ConfigError(f"{flag} is empty", state=NOTHING_EXECUTED, hint="is the variable set that you pass to it?")


def _database(flags: Mapping[str, str | None], environment: Mapping[str, str]) -> tuple[str | None, str]:
    flag = flags.get("database_url")
    if flag is not None and not flag.strip():
        raise _empty("--database-url")
    for name, url in (("--database-url", flag), (_VARIABLE, environment.get(_VARIABLE))):
        if url and outside.trimmed(url):
            return checked(outside.trimmed(url), name), name
    if _VARIABLE in environment:  # set, but empty: no other database may take its place
        return None, ""
    outside.check_libpq(environment)
    found = [name for name in _LIBPQ_VARIABLES if environment.get(name)]
    return ("", " and ".join(found)) if found else (None, "")


def require_url(config: Config) -> str:
    """Return the URL to connect to: `EMBEDDED` if nothing names a database.

    Raises `ConfigError` for an empty DATABASE_URL, and in CI if nothing names a database: a missing secret must not be
    mistaken for success.
    """
    if config.url is not None:
        return config.url
    if config.is_url_empty:
        raise ConfigError(
            f"{_VARIABLE} is set, but empty",
            state=NOTHING_EXECUTED,
            hint="most likely a secret did not arrive: set it to the URL of the database",
            next_steps=[f"or, to use libpq's variables or the embedded PostgreSQL: unset {_VARIABLE}"],
        )
    if config.is_ci:
        raise ConfigError(
            "no database is named, and CI is set",
            state=NOTHING_EXECUTED,
            hint="name the database in the environment of this job",
            next_steps=[f"{_VARIABLE}=postgresql://USER@HOST/DATABASE sqlmigrate up"],
        )
    return EMBEDDED
