"""Flags over environment over `pyproject.toml`, one frozen value.

The only module that reads the environment. A password never leaves it other than in `Config.url`: everything shown is
`masked` first, and `redacted` takes it out of what libpq or the server say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, unquote_to_bytes

from . import settings
from .errors import ConfigError
from .source import Source

EMBEDDED = "embedded"
EMBEDDED_DIRECTORY = ".sqlmigrate"
MASK = "***"

# Those of libpq's variables that say *which* database is meant; a password or an SSL mode alone does not.
_LIBPQ_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE")
_HIGHEST_PORT = 65535


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
    project = settings.of_project(directory)
    chosen = {name: _chosen(name, flags, environment, project) for name in settings.SETTINGS}
    url, named_by = _database(flags, environment)
    return Config(
        url,
        named_by,
        chosen["directory"],
        chosen["table"],
        bool(environment.get("CI")),
        settings.seconds(chosen["lock_wait"]),
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
            "--database-url is empty: nothing was looked for", hint="is the variable set that it is given?"
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
            "no database is named, and CI is set: nothing was migrated",
            hint="name it in the environment of this job (an empty DATABASE_URL counts as none)",
            next_steps=["DATABASE_URL=postgresql://USER@HOST/DATABASE sqlmigrate up"],
        )
    return EMBEDDED


def named(url: str, application_name: str) -> str:
    """Give a URL (or libpq's keywords) with the name to be seen in ``pg_stat_activity``.

    It is libpq's fallback: one that the URL, the service or PGAPPNAME names comes first.
    https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-FALLBACK-APPLICATION-NAME
    """
    if application_name == settings.SETTINGS["application_name"].default or "fallback_application_name" in url:
        return url
    if _SCHEME.match(url):
        separator = "&" if "?" in url else "?"
        return f"{url}{separator}fallback_application_name={quote(application_name, safe='')}"
    escaped = application_name.replace("\\", "\\\\").replace("'", "\\'")
    return f"{url} fallback_application_name='{escaped}'".lstrip()


# -- the URL -----------------------------------------------------------------------------------------------------------

_SCHEME = re.compile(r"(?P<scheme>[a-zA-Z][\w.-]*)(?P<driver>\+[\w.-]+)?://")
_LOOSE_SCHEME = re.compile(r"\W*(?:jdbc:)?[\w.+-]+://")
_NO_URL = re.compile(r"[\s'\"]")
_KEYWORD = re.compile(r"\s*(?P<key>\w+)\s*=\s*(?P<value>'(?:\\.|[^'\\])*'|(?!')(?:\\.|[^\s\\])*)(?=\s|$)", re.DOTALL)
_LOOSE_KEYWORD = re.compile(r"(?P<key>\w+)\s*=\s*(?P<value>'(?:\\.|[^'\\])*'?|\S*)", re.DOTALL)
_IS_KEYWORDS = re.compile(r"\s*\w+\s*=")
_PASSWORD_SETTING = re.compile(r"pass\w*=", re.IGNORECASE)
_VARIABLE = re.compile(r"\s*\$\{?\w+\}?\s*")
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_ESCAPES = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_HOST = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>.*))?", re.DOTALL)
_EXAMPLE = "postgresql://USER@HOST/DATABASE, or host=HOST dbname=DATABASE"
# What is not known to be harmless is masked: a misspelt `passwrd=` holds a password as well.
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
_HARMLESS = frozenset((
    "host", "hostaddr", "port", "dbname", "user", "service", "servicefile", "passfile", "connect_timeout",
    "client_encoding", "application_name", "fallback_application_name", "target_session_attrs", "load_balance_hosts",
    "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "replication",
    "channel_binding", "require_auth", "sslmode", "sslnegotiation", "sslcert", "sslkey", "sslrootcert", "sslcrl",
    "sslcrldir", "sslsni", "gssencmode", "gsslib", "krbsrvname", "min_protocol_version", "max_protocol_version",
))  # fmt: skip


def checked(url: str, named_by: str) -> str:
    """Give a URL (or libpq's keywords) as libpq takes it, without the driver in its scheme.

    Raises `ConfigError` with the place of what does not parse, the password masked.
    """
    if url == EMBEDDED:
        return url
    if any("\ud800" <= character <= "\udfff" for character in url):  # what os.environ makes of other bytes
        raise ConfigError(f"{named_by} is not UTF-8", hint="in a URL every other byte is written as an escape: %E9")
    scheme = _SCHEME.match(url)
    if not scheme:
        _check_keywords(url, named_by)
        return url
    if scheme["scheme"] not in ("postgres", "postgresql"):
        hint = f"it begins with postgresql://, in lower case: {_EXAMPLE}"
        raise _fault(url, named_by, scheme.span("scheme"), f"`{scheme['scheme']}` is not PostgreSQL", hint)
    _check_url(url, named_by, scheme.end())
    return f"{scheme['scheme']}://{url[scheme.end() :]}"


def _check_keywords(text: str, named_by: str) -> None:
    position = 0
    while text[position:].strip():
        match = _KEYWORD.match(text, position)
        if not match:
            raise _no_keyword(text, named_by, position)
        if match["key"] == "port":
            start = match.start("value") + match["value"].startswith("'")
            _check_ports(text, named_by, [(start, match["value"].strip("'"))])
        position = match.end()


def _no_keyword(text: str, named_by: str, position: int) -> ConfigError:
    start = position + len(text[position:]) - len(text[position:].lstrip())
    message = "no `keyword = value` begins here" if _IS_KEYWORDS.match(text) else "this is no connection string"
    hint = _EXAMPLE
    if _VARIABLE.fullmatch(text):
        hint = "a variable that nobody has replaced by its value"
    elif text[:1] in "\"'":
        hint = "take the quotes away: they belong to the shell"
    elif text.lower().startswith(EMBEDDED[:5]):
        hint = f"did you mean `{EMBEDDED}`, the PostgreSQL of our own?"
    return _fault(text, named_by, (start, start + 1), message, hint)


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
    _check_escapes(url, named_by, start)
    hosts = ats[0] + 1 if ats else start
    _check_ports(url, named_by, list(_ports(url, hosts, slash if slash >= 0 else end)))


def _reserved(url: str, named_by: str, offset: int) -> ConfigError:
    character = url[offset]
    message = f"user or password hold a `{character}`"
    return _fault(url, named_by, (offset, offset + 1), message, f"in a URL it is written %{ord(character):02X}")


def _check_escapes(url: str, named_by: str, start: int) -> None:
    if bad := _BAD_ESCAPE.search(url, start):
        raise _fault(url, named_by, bad.span(), "a `%` here begins no escape", "a percent sign itself is written %25")
    for escapes in _ESCAPES.finditer(url, start):
        try:
            is_text = "\0" not in unquote_to_bytes(escapes[0]).decode()
        except UnicodeDecodeError:
            is_text = False
        if not is_text:
            raise _fault(url, named_by, escapes.span(), "the escapes here are no text in UTF-8", "é is written %C3%A9")


def _ports(url: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    """Give the ports of a URL's hosts, each with its place."""
    for part in url[start:end].split(","):
        host = _HOST.fullmatch(part)
        if host and host["port"]:
            yield start + host.start("port"), host["port"]
        start += len(part) + 1


def _is_port(text: str) -> bool:
    return text.isdecimal() and text.isascii() and 0 < int(text) <= _HIGHEST_PORT


def _check_ports(text: str, named_by: str, ports: Iterable[tuple[int, str]]) -> None:
    for offset, port in ports:
        if not all(_is_port(part) for part in port.split(",")):
            raise _fault(
                text,
                named_by,
                (offset, offset + len(port)),
                f"the port is no number from 1 to {_HIGHEST_PORT}",
                "postgresql://USER@HOST:5432/DATABASE; a `:` in a password is written %3A",
            )


# -- secrets -----------------------------------------------------------------------------------------------------------


def _fault(url: str, named_by: str, place: tuple[int, int], message: str, hint: str) -> ConfigError:
    """Make the error of a URL: its text masked, its place moved along with the mask."""
    start, end = place
    shift = 0
    for secret_start, secret_end in _secret_spans(url):
        if secret_start <= start < secret_end:
            start, end = secret_start, secret_start + len(MASK)
            break
        if secret_end <= start:
            shift += len(MASK) - (secret_end - secret_start)
    return ConfigError(message, Source(named_by, masked(url)).span(start + shift, end + shift), hint=hint)


def _secret_spans(url: str) -> list[tuple[int, int]]:
    """Find what may be a password, rather too much than too little, in their order, none inside of another."""
    spans: list[tuple[int, int]] = []
    for start, end in sorted(_secrets(url)):
        if spans and start < spans[-1][1]:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((start, end))
    return spans


def _secrets(url: str) -> list[tuple[int, int]]:
    spans = [] if _IS_KEYWORDS.match(url) else list(_url_secrets(url))
    if _IS_KEYWORDS.match(url) or ("=" in url and not _LOOSE_SCHEME.match(url)):
        spans += _keyword_secrets(url)
    return [(start, end) for start, end in spans if end > start]


def _keyword_secrets(text: str) -> Iterator[tuple[int, int]]:
    """Give the values of all keywords that are not known to be harmless, and what belongs to no keyword."""
    position, follows_secret = 0, False
    for match in _LOOSE_KEYWORD.finditer(text):
        yield _stripped(text, position, match.start())
        follows_secret |= bool(text[position : match.start()].strip())
        if is_secret := not _is_harmless(match["key"], match["value"]):
            yield match.span(0 if follows_secret else "value")  # a password may hold ` x=`
        position, follows_secret = match.end(), is_secret
    yield _stripped(text, position, len(text))


def _is_harmless(key: str, value: str) -> bool:
    return key in _HARMLESS and "=" not in value  # which begins the next one, the blank or `&` forgotten


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    between = text[start:end]
    return start + len(between) - len(between.lstrip()), max(start, start + len(between.rstrip()))


def _url_secrets(url: str) -> Iterator[tuple[int, int]]:  # noqa: C901 - a case for each way a URL can be wrong
    """Give everything from the first `:` to the last `@`; where there is no `@`, what is no port and might be one."""
    scheme = _LOOSE_SCHEME.match(url)
    start, at = scheme.end() if scheme else 0, url.rfind("@")
    query = url.find("?", start)
    if query < at and "=" not in url[query:at] and url.find(":", start, query) >= 0:
        query = url.find("?", at)  # the first one belongs to the password
    end = query if query >= 0 else len(url)
    before = start  # where a `=` would be, that belongs to no query
    if at >= start:
        colon = url.find(":", start, at)
        if colon >= 0:
            is_certain = not ("/" in url[colon:at] and "=" in url[colon:at])  # a `?` forgotten, and the `@` no host's
            yield colon + 1, at if is_certain else len(url)
            before = at + 1
        if not scheme and (colon < 0 or _NO_URL.search(url)):
            yield 0, len(url)
    elif scheme:
        slash = url.find("/", start, end)
        for offset, port in _ports(url, start, slash if slash >= 0 else end):
            yield (0, 0) if _is_port(port) else (offset, offset + len(port))
    elif not _VARIABLE.fullmatch(url):
        yield 0, len(url)
        return
    if forgotten := _PASSWORD_SETTING.search(url, start, end):  # the `?` before it, and it may hold an `@`
        yield forgotten.end(), len(url)
    if (equals := url.find("=", before, end)) >= 0:  # the `?` before it as well, and nothing behind it is certain
        yield equals + 1, len(url)
    elif query >= 0:
        yield from _query_secrets(url, query + 1)


def _query_secrets(url: str, start: int) -> Iterator[tuple[int, int]]:
    follows_secret = False
    for part in url[start:].split("&"):
        key, equals, value = part.partition("=")
        if is_secret := not _is_harmless(key, value):
            yield start + (len(key) + 1 if equals and not follows_secret else 0), start + len(part)
        start, follows_secret = start + len(part) + 1, is_secret


def masked(url: str) -> str:
    """Give a URL or libpq's keywords with everything that may be a password masked."""
    for start, end in reversed(_secret_spans(url)):
        url = url[:start] + MASK + url[end:]
    return url


def secrets_of(url: str) -> tuple[str, ...]:
    """Give every spelling of the password in a URL or in libpq's keywords, the longest first."""
    raw = [url[start:end] for start, end in _secrets(url)]
    bare = [re.sub(r"\\(.)", r"\1", value.strip("'"), flags=re.DOTALL) for value in raw]
    spellings = {spelling for value in (*raw, *bare) for spelling in (value, value.strip("'"), unquote(value))}
    return tuple(sorted((spelling for spelling in spellings if spelling), key=len, reverse=True))


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Give a text of libpq's or the server's with every spelling of the password masked."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text
