"""Resolves the configuration: flags override environment variables, which override the project's file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlmigrate.errors import NOTHING_EXECUTED, ConfigError

from . import pyproject
from .passwords import masked
from .settings import IN_FILE, Setting, Value, default
from .url import EMBEDDED, checked

EMBEDDED_DIRECTORY = ".sqlmigrate"

# libpq's variables that say which database to use; a password or an SSL mode alone does not.
_LIBPQ_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE")


@dataclass(frozen=True)
class Config:
    """What one call of the program works with.

    Attributes:
        url: a URL or keywords for libpq; empty if libpq's own variables name the database; `EMBEDDED` for the embedded
            server; None if nothing names a database.
        named_by: what named the database, in the user's words; empty if nothing did.
        is_ci: whether the program runs in continuous integration.
        lock_wait: in seconds.

    The other fields are the settings of the same name.
    """

    url: str | None = field(default=None, repr=False)
    named_by: str = ""
    is_ci: bool = False
    directory: str = default("directory")
    table: str = default("table")
    lock_wait: float = default("lock_wait")
    lock_timeout: str = default("lock_timeout")
    lock_retries: int = default("lock_retries")
    application_name: str = default("application_name")

    @property
    def shown(self) -> str:
        """The database in the user's words: the URL without its password, or libpq's variables."""
        return masked(self.url) if self.url else self.named_by or f"the {EMBEDDED} PostgreSQL"


def resolve(flags: Mapping[str, str | None], environment: Mapping[str, str], directory: Path) -> Config:
    """Find the values of all settings: flags over environment over the nearest file at or above `directory`.

    Raises `ConfigError` for a URL that does not parse (with its place, without its password), and for an unknown or
    impossible setting.
    """
    project = pyproject.of_project(directory)
    chosen = {name: _chosen(setting, flags, environment, project) for name, setting in IN_FILE.items()}
    url, named_by = _database(flags, environment)
    return Config(url, named_by, bool(environment.get("CI")), **chosen)


def _chosen(
    setting: Setting, flags: Mapping[str, str | None], environment: Mapping[str, str], project: Mapping[str, Value]
) -> Any:
    values = [Value(flags.get(setting.name) or "", setting.flag)]
    if setting.variable:
        values.append(Value(environment.get(setting.variable) or "", setting.variable))
    if setting.name in project:
        values.append(project[setting.name])
    return setting.read(next((setting.check(value) for value in values if value.text), setting.default))


def _database(flags: Mapping[str, str | None], environment: Mapping[str, str]) -> tuple[str | None, str]:
    flag = flags.get("database_url")
    if flag is not None and not flag.strip():
        raise ConfigError(
            "--database-url is empty", state=NOTHING_EXECUTED, hint="is the variable set that it is given?"
        )
    for name, url in (("--database-url", flag), ("DATABASE_URL", environment.get("DATABASE_URL"))):
        if url and url.strip():
            return checked(url.strip(), name), name
    found = [name for name in _LIBPQ_VARIABLES if environment.get(name)]
    return ("", " and ".join(found)) if found else (None, "")


def require_url(config: Config) -> str:
    """Give the URL to connect to, the embedded server's name where none is named.

    Raises `ConfigError` in CI, where a forgotten secret must not pass as a migrated database.
    """
    if config.url is not None:
        return config.url
    if config.is_ci:
        raise ConfigError(
            "no database is named, and CI is set",
            state=NOTHING_EXECUTED,
            hint="name it in the environment of this job (an empty DATABASE_URL counts as none)",
            next_steps=["DATABASE_URL=postgresql://USER@HOST/DATABASE sqlmigrate up"],
        )
    return EMBEDDED
