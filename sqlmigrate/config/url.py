"""Checks a database URL (or libpq's keywords) and shows where it is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote_to_bytes

from sqlmigrate.errors import ConfigError
from sqlmigrate.source import Source
from sqlmigrate.spelling import did_you_mean

from . import foreign_urls
from .passwords import MASK, masked, secret_spans
from .settings import default
from .url_parts import EMBEDDED, HIGHEST_PORT, IS_KEYWORDS, SHELL_VARIABLE, is_port, ports_of


def named(url: str, application_name: str) -> str:
    """Return a URL (or libpq's keywords) with the name of the session in ``pg_stat_activity``.

    A name in the URL, in the service file or in PGAPPNAME comes first: this one is libpq's fallback.
    https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-FALLBACK-APPLICATION-NAME
    """
    if application_name == default("application_name") or "fallback_application_name" in url:
        return url
    if SCHEME.match(url):
        separator = "&" if "?" in url else "?"
        return f"{url}{separator}fallback_application_name={quote(application_name, safe='')}"
    escaped = application_name.replace("\\", "\\\\").replace("'", "\\'")
    return f"{url} fallback_application_name='{escaped}'".lstrip()


SCHEME = re.compile(r"(?P<scheme>[a-zA-Z][\w.-]*)(?P<driver>\+[\w.-]+)?://")

_KEYWORD = re.compile(r"\s*(?P<key>\w+)\s*=\s*(?P<value>'(?:\\.|[^'\\])*'|(?!')(?:\\.|[^\s\\])*)(?=\s|$)", re.DOTALL)

_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_ESCAPES = re.compile(r"(?:%[0-9a-fA-F]{2})+")

_EXAMPLE = "postgresql://USER@HOST/DATABASE, or host=HOST dbname=DATABASE"


def checked(url: str, named_by: str) -> str:
    """Return a URL (or libpq's keywords) as libpq accepts it, without a driver in its scheme.

    `named_by` is what the user set: a flag or a variable. Raises `ConfigError` with the place of the fault; the
    password is masked.
    """
    if url == EMBEDDED:
        return url
    if any("\ud800" <= character <= "\udfff" for character in url):  # os.environ puts them for bytes that are not UTF-8
        raise ConfigError(f"{named_by} is not UTF-8", hint="in a URL write other bytes as escapes, for example %E9")
    if other := foreign_urls.cure_of_scheme(url):
        message, hint = other
        raise _fault(url, named_by, (0, url.find(":") if ":" in url else 1), message, hint)
    scheme = SCHEME.match(url)
    if not scheme:
        _check_keywords(url, named_by)
        return url
    if scheme["scheme"] not in ("postgres", "postgresql"):
        hint = f"a URL starts with postgresql://, in lower case: {_EXAMPLE}"
        hint = foreign_urls.cure_of_name(scheme["scheme"]) or hint
        raise _fault(
            url, named_by, scheme.span("scheme"), f"`{scheme['scheme']}` is not the scheme of a PostgreSQL URL", hint
        )
    _check_url(url, named_by, scheme.end())
    _check_parameters(url, named_by)
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
    message = "expected `keyword = value` here" if IS_KEYWORDS.match(text) else "this is not a connection string"
    hint = _EXAMPLE
    if SHELL_VARIABLE.fullmatch(text):
        hint = "this is the name of a variable, not its value: the shell did not replace it"
    elif text[:1] in "\"'":
        hint = "remove the quotes: they belong to the shell"
    elif suggestion := did_you_mean(text.lower(), [EMBEDDED]):
        hint = suggestion
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
    _check_ports(url, named_by, list(ports_of(url, hosts, slash if slash >= 0 else end)))


def _check_parameters(url: str, named_by: str) -> None:
    """Refuse parameters of other tools, all at once."""
    found = list(foreign_urls.cures(url))
    if found:
        names = ", ".join(f"`{name}`" for name, _ in found)
        start = url.find(found[0][0], url.find("?"))
        message = (
            f"libpq does not know {names} in a URL" if found[0][0] != "sslmode" else "libpq does not know this sslmode"
        )
        hint = "; ".join(f"{name}: {cure}" for name, cure in found)
        raise _fault(url, named_by, (start, start + len(found[0][0])), message, hint)
    if any(f"/{folder}/" in url.partition("?")[0].partition("@")[2] for folder in ("cloudsql", "tmp", "var")):
        start = url.partition("?")[0].rfind("@") + 1
        hint = "the folder of the socket is a parameter: postgresql://USER@/DATABASE?host=/FOLDER"
        raise _fault(url, named_by, (start, start + 1), "a folder is where the name of the database belongs", hint)


def _reserved(url: str, named_by: str, offset: int) -> ConfigError:
    character = url[offset]
    message = f"user name or password contain an unescaped `{character}`"
    return _fault(url, named_by, (offset, offset + 1), message, f"in a URL write it as %{ord(character):02X}")


def _check_escapes(url: str, named_by: str, start: int) -> None:
    if bad := _BAD_ESCAPE.search(url, start):
        raise _fault(
            url, named_by, bad.span(), "a `%` must be followed by two hexadecimal digits", "write a percent sign as %25"
        )
    for escapes in _ESCAPES.finditer(url, start):
        try:
            is_text = "\0" not in unquote_to_bytes(escapes[0]).decode()
        except UnicodeDecodeError:
            is_text = False
        if not is_text:
            raise _fault(url, named_by, escapes.span(), "these escapes are not text in UTF-8", "write é as %C3%A9")


def _check_ports(text: str, named_by: str, ports: Iterable[tuple[int, str]]) -> None:
    for offset, port in ports:
        if not all(is_port(part) for part in port.split(",")):
            raise _fault(
                text,
                named_by,
                (offset, offset + len(port)),
                f"the port must be a number from 1 to {HIGHEST_PORT}",
                "postgresql://USER@HOST:5432/DATABASE; write a `:` in a password as %3A",
            )


def _fault(url: str, named_by: str, place: tuple[int, int], message: str, hint: str) -> ConfigError:
    """Make the error of a URL. The text is masked, so the place moves by the length of the masks before it."""
    start, end = place
    shift = 0
    for secret_start, secret_end in secret_spans(url):
        if secret_start <= start < secret_end:
            start, end = secret_start, secret_start + len(MASK)
            break
        if secret_end <= start:
            shift += len(MASK) - (secret_end - secret_start)
    return ConfigError(message, Source(named_by, masked(url)).span(start + shift, end + shift), hint=hint)
