"""Flags over environment over `pyproject.toml`, one frozen value.

The only module that reads the environment. A password never leaves it other than in `Config.url`: everything shown is
`masked` first, and `redacted` takes it out of what libpq or the server say.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from .errors import ConfigError
from .source import Source

EMBEDDED = "embedded"
EMBEDDED_DIRECTORY = ".sqlmigrate"
MASK = "***"

_SETTINGS = {"directory": "sql", "table": "migrations"}
# Those of libpq's variables that say *which* database is meant; a password or an SSL mode alone does not.
_LIBPQ_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE")
_HIGHEST_PORT = 65535


@dataclass(frozen=True)
class Config:
    """What one call of the program works with.

    `url` is what libpq gets: a URL or keywords, empty where libpq's own variables name the database, `EMBEDDED` for
    the embedded server; None where nothing names one. `named_by` says what named it, in the user's words.
    """

    url: str | None
    named_by: str
    directory: str
    table: str
    is_ci: bool

    @property
    def shown(self) -> str:
        """What names the database, to be shown: the URL without its password, or libpq's variables."""
        return masked(self.url) if self.url else self.named_by or f"the {EMBEDDED} PostgreSQL"


def resolve(flags: Mapping[str, str | None], environment: Mapping[str, str], directory: Path) -> Config:
    """Find out what is meant: flags over environment over the `pyproject.toml` of `directory` or the next above it.

    Raises `ConfigError`: a URL that does not parse (its place, not its password), an unknown or malformed setting.
    """
    settings = _project_settings(directory)
    chosen = {
        name: flags.get(name) or environment.get(f"SQLMIGRATE_{name.upper()}") or settings.get(name) or default
        for name, default in _SETTINGS.items()
    }
    url, named_by = _database(flags, environment)
    return Config(url, named_by, chosen["directory"], chosen["table"], bool(environment.get("CI")))


def _database(flags: Mapping[str, str | None], environment: Mapping[str, str]) -> tuple[str | None, str]:
    for name, url in (("--database-url", flags.get("database_url")), ("DATABASE_URL", environment.get("DATABASE_URL"))):
        if url:
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
            "no database is named, and CI is set: nothing was migrated",
            hint="name it in the environment of this job (an empty DATABASE_URL counts as none)",
            next_steps=["DATABASE_URL=postgresql://USER@HOST/DATABASE sqlmigrate up"],
        )
    return EMBEDDED


# -- pyproject.toml ----------------------------------------------------------------------------------------------------


def _project_settings(directory: Path) -> dict[str, str]:
    for folder in (directory, *directory.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            return _table(path)
    return {}


def _table(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
        table: dict[str, Any] = (
            tomllib.loads(text).get("tool", {}).get("sqlmigrate", {}) if "sqlmigrate" in text else {}
        )
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    for name, value in table.items():
        if name not in _SETTINGS:
            raise _unknown_setting(path, name)
        if not isinstance(value, str):
            raise ConfigError(f"{path}: `{name}` of [tool.sqlmigrate] is not a text", hint=f'{name} = "…"')
    if "directory" in table:
        table["directory"] = str(path.parent / table["directory"]) if path.parent != Path.cwd() else table["directory"]
    return table


def _unknown_setting(path: Path, name: str) -> ConfigError:
    if "url" in name or "password" in name:
        hint = "a database is named by --database-url or DATABASE_URL, never in a file that is committed"
    else:
        near = difflib.get_close_matches(name, _SETTINGS, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known are: {', '.join(_SETTINGS)}"
    return ConfigError(f"{path}: unknown setting `{name}` in [tool.sqlmigrate]", hint=hint)


# -- the URL -----------------------------------------------------------------------------------------------------------

_SCHEME = re.compile(r"(?P<scheme>[a-zA-Z][\w.-]*)(?P<driver>\+[\w.-]+)?://")
_KEYWORD = re.compile(r"\s*(?P<key>\w+)\s*=\s*(?P<value>'(?:\\.|[^'\\])*'|(?:\\.|[^\s\\'])*)(?=\s|$)", re.DOTALL)
_SECRET_KEYWORD = re.compile(
    r"(?P<key>\b(?:ssl)?password\s*=\s*)(?P<value>.*?)(?=\s+\w+\s*=|&|$)", re.DOTALL | re.IGNORECASE
)
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_HOST = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>.*))?", re.DOTALL)


def checked(url: str, named_by: str) -> str:
    """Give a URL (or libpq's keywords) as libpq takes it, without the driver in its scheme.

    Raises `ConfigError` with the place of what does not parse, the password masked.
    """
    if url == EMBEDDED:
        return url
    scheme = _SCHEME.match(url)
    if not scheme:
        _check_keywords(url, named_by)
        return url
    if scheme["scheme"] not in ("postgres", "postgresql"):
        raise _fault(url, named_by, scheme.span("scheme"), f"`{scheme['scheme']}` is not PostgreSQL", "postgresql://")
    _check_url(url, named_by, scheme.end())
    return f"{scheme['scheme']}://{url[scheme.end() :]}"


def _check_keywords(text: str, named_by: str) -> None:
    position = 0
    while text[position:].strip():
        match = _KEYWORD.match(text, position)
        if not match:
            start = position + len(text[position:]) - len(text[position:].lstrip())
            example = "postgresql://USER@HOST/DATABASE, or host=HOST dbname=DATABASE"
            message = "this is no connection string" if not position else "no `keyword = value` begins here"
            raise _fault(text, named_by, (start, start + 1), message, example)
        position = match.end()


def _check_url(url: str, named_by: str, start: int) -> None:
    query = url.find("?", start)
    end = len(url) if query < 0 else query
    ats = [offset for offset in range(start, end) if url[offset] == "@"]
    colon = url.find(":", start, end)
    if (
        query >= 0
        and not ats
        and 0 <= colon < query
        and "@" in url[query:]
        and "=" not in url[query : url.find("@", query)]
    ):
        raise _reserved(url, named_by, query)
    slash = url.find("/", start, end)
    if len(ats) > 1:
        raise _reserved(url, named_by, ats[0])
    if ats and 0 <= slash < ats[0]:
        raise _reserved(url, named_by, slash)
    if escape := _BAD_ESCAPE.search(url, start):
        raise _fault(
            url, named_by, escape.span(), "a `%` here begins no escape", "a percent sign itself is written %25"
        )
    _check_ports(url, named_by, ats[0] + 1 if ats else start, slash if slash >= 0 else end)


def _reserved(url: str, named_by: str, offset: int) -> ConfigError:
    character = url[offset]
    return _fault(
        url,
        named_by,
        (offset, offset + 1),
        f"user or password hold a `{character}`",
        f"in a URL it is written %{ord(character):02X}",
    )


def _check_ports(url: str, named_by: str, start: int, end: int) -> None:
    for part in url[start:end].split(","):
        host = _HOST.fullmatch(part)
        port = host["port"] if host else None
        if host and port and not (port.isdecimal() and 0 < int(port) <= _HIGHEST_PORT):
            offset = start + host.start("port")
            raise _fault(
                url,
                named_by,
                (offset, offset + len(port)),
                f"the port is no number from 1 to {_HIGHEST_PORT}",
                "postgresql://USER@HOST:5432/DATABASE; a `:` in a password is written %3A",
            )
        start += len(part) + 1


def _fault(url: str, named_by: str, place: tuple[int, int], message: str, hint: str) -> ConfigError:
    """Make the error of a URL: its text masked, its place moved along with the mask."""
    hidden = _secret_spans(url)
    start, end = place
    text = masked(url)
    for secret_start, secret_end in hidden:
        if secret_start <= start < secret_end:
            place_start = text.find(MASK)
            return ConfigError(message, Source(named_by, text).span(place_start, place_start + len(MASK)), hint=hint)
    shift = sum(len(MASK) - (secret_end - secret_start) for secret_start, secret_end in hidden if secret_end <= start)
    return ConfigError(message, Source(named_by, text).span(start + shift, end + shift), hint=hint)


def _secret_spans(url: str) -> list[tuple[int, int]]:
    """Find what may be a password, rather too much than too little: in a URL from the first `:` to the last `@`."""
    spans = []
    scheme = _SCHEME.match(url)
    start = scheme.end() if scheme else 0
    at = url.rfind("@")
    colon = url.find(":", start, at) if at >= 0 else -1
    if scheme and colon >= 0:
        spans.append((colon + 1, at))
    spans += [match.span("value") for match in _SECRET_KEYWORD.finditer(url, max(start, at))]
    return [(start, end) for start, end in spans if end > start]


def masked(url: str) -> str:
    """Give a URL or libpq's keywords with everything that may be a password masked."""
    for start, end in reversed(_secret_spans(url)):
        url = url[:start] + MASK + url[end:]
    return url


def secrets_of(url: str) -> tuple[str, ...]:
    """Give every spelling of the password in a URL or in libpq's keywords, the longest first."""
    raw = [url[start:end] for start, end in _secret_spans(url)]
    spellings = {spelling for value in raw for spelling in (value, value.strip("'"), unquote(value))}
    return tuple(sorted((spelling for spelling in spellings if spelling), key=len, reverse=True))


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Give a text of libpq's or the server's with every spelling of the password masked."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text
