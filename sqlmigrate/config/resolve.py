"""Resolves the configuration: flags override the environment, which overrides `pyproject.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlmigrate import durations
from sqlmigrate.errors import NOTHING_EXECUTED, ConfigError

from . import pyproject, settings
from .passwords import masked
from .url import EMBEDDED, checked

EMBEDDED_DIRECTORY = ".sqlmigrate"

# Those of libpq's variables that say *which* database is meant; a password or an SSL mode alone does not.
_LIBPQ_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE")


@dataclass(frozen=True)
class Config:
    """What one call of the program works with.

    `url` is what libpq gets: a URL or keywords, empty where libpq's own variables name the database, `EMBEDDED` for
    the embedded server; None where nothing names one. `named_by` says what named it, in the user's words.
    """

    url: str | None = field(repr=False)
    named_by: str
    directory: str
    table: str
    is_ci: bool
    lock_wait: float = 60.0  # seconds
    lock_timeout: str = "5s"
    lock_retries: int = 10
    application_name: str = "sqlmigrate"

    @property
    def shown(self) -> str:
        """What names the database, to be shown: the URL without its password, or libpq's variables."""
        return masked(self.url) if self.url else self.named_by or f"the {EMBEDDED} PostgreSQL"


def resolve(flags: Mapping[str, str | None], environment: Mapping[str, str], directory: Path) -> Config:
    """Find out what is meant: flags over environment over the `pyproject.toml` of `directory` or the next above it.

    Raises `ConfigError`: a URL that does not parse (its place, not its password), an unknown or malformed setting.
    """
    project = pyproject.of_project(directory)
    chosen = {name: _chosen(name, flags, environment, project) for name in settings.SETTINGS}
    url, named_by = _database(flags, environment)
    return Config(
        url,
        named_by,
        chosen["directory"],
        chosen["table"],
        bool(environment.get("CI")),
        durations.seconds(chosen["lock_wait"]),
        chosen["lock_timeout"],
        int(chosen["lock_retries"]),
        chosen["application_name"],
    )


def _chosen(
    name: str, flags: Mapping[str, str | None], environment: Mapping[str, str], project: Mapping[str, settings.Value]
) -> str:
    variable, flag = settings.variable(name), f"--{name.replace('_', '-')}"
    said = (settings.Value(flags.get(name) or "", flag), settings.Value(environment.get(variable) or "", variable))
    values = [*said, *([project[name]] if name in project else [])]
    return next((settings.checked(name, value) for value in values if value.text), settings.SETTINGS[name].default)


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
