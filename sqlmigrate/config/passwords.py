"""Finds and masks passwords in URLs, in libpq's keywords, and in messages.

Only `Config.url` holds the password. Every text that is shown goes through `masked` first; `redacted` masks passwords
in messages of libpq and of the server. In doubt too much is masked rather than too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from .url_parts import EMBEDDED, IS_KEYWORDS, LOOSE_SCHEME, SHELL_VARIABLE, is_port, ports_of

MASK = "***"

_NO_URL = re.compile(r"[\s'\"]")

_LOOSE_KEYWORD = re.compile(r"(?P<key>\w+)\s*=\s*(?P<value>'(?:\\.|[^'\\])*'?|\S*)", re.DOTALL)

_PASSWORD_SETTING = re.compile(r"pass\w*=", re.IGNORECASE)

# Every other keyword is masked: a misspelled `passwrd=` contains a password as well.
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
_HARMLESS = frozenset((
    "host", "hostaddr", "port", "dbname", "user", "service", "servicefile", "passfile", "connect_timeout",
    "client_encoding", "application_name", "fallback_application_name", "target_session_attrs", "load_balance_hosts",
    "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "replication",
    "ssl", "schema", "search_path", "currentSchema",  # of other tools
    "channel_binding", "require_auth", "sslmode", "sslnegotiation", "sslcert", "sslkey", "sslrootcert", "sslcrl",
    "sslcrldir", "sslsni", "gssencmode", "gsslib", "krbsrvname", "min_protocol_version", "max_protocol_version",
))  # fmt: skip


def secret_spans(url: str) -> list[tuple[int, int]]:
    """Find everything that may be a password, as pairs of start and end, in order and without overlaps."""
    spans: list[tuple[int, int]] = []
    for start, end in sorted(_secrets(url)):
        if spans and start < spans[-1][1]:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((start, end))
    return spans


def _secrets(url: str) -> list[tuple[int, int]]:
    if url == EMBEDDED:
        return []
    spans = [] if IS_KEYWORDS.match(url) else list(_url_secrets(url))
    if IS_KEYWORDS.match(url) or ("=" in url and not LOOSE_SCHEME.match(url)):
        spans += _keyword_secrets(url)
    return [(start, end) for start, end in spans if end > start]


def _keyword_secrets(text: str) -> Iterator[tuple[int, int]]:
    """Yield the values of all keywords that are not known to be harmless, and all text outside of keywords."""
    position, follows_secret = 0, False
    for match in _LOOSE_KEYWORD.finditer(text):
        yield _stripped(text, position, match.start())
        follows_secret |= bool(text[position : match.start()].strip())
        if is_secret := not _is_harmless(match["key"], match["value"]):
            yield match.span(0 if follows_secret else "value")  # a password may contain ` x=`
        position, follows_secret = match.end(), is_secret
    yield _stripped(text, position, len(text))


def _is_harmless(key: str, value: str) -> bool:
    return key in _HARMLESS and "=" not in value  # with a `=`, a forgotten blank or `&` hides the next keyword


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    between = text[start:end]
    return start + len(between) - len(between.lstrip()), max(start, start + len(between.rstrip()))


def _url_secrets(url: str) -> Iterator[tuple[int, int]]:  # noqa: C901 - one branch for each way a URL can be wrong
    """Yield everything from the first `:` to the last `@`; without an `@`, every port that is not a number."""
    scheme = LOOSE_SCHEME.match(url)
    start, at = scheme.end() if scheme else 0, url.rfind("@")
    query = url.find("?", start)
    if query < at and "=" not in url[query:at] and url.find(":", start, query) >= 0:
        query = url.find("?", at)  # the first `?` belongs to the password
    end = query if query >= 0 else len(url)
    before = start  # a `=` from here to the query may come before a password
    if at >= start:
        colon = url.find(":", start, at)
        if colon >= 0:
            is_certain = not (
                "/" in url[colon:at] and "=" in url[colon:at]
            )  # else the `?` is missing, and the `@` is not before a host
            yield colon + 1, at if is_certain else len(url)
            before = at + 1
        if not scheme and (colon < 0 or _NO_URL.search(url)):
            yield 0, len(url)
    elif scheme:
        slash = url.find("/", start, end)
        for offset, port in ports_of(url, start, slash if slash >= 0 else end):
            yield (0, 0) if is_port(port) else (offset, offset + len(port))
    elif not SHELL_VARIABLE.fullmatch(url):
        yield 0, len(url)
        return
    if forgotten := _PASSWORD_SETTING.search(url, start, end):  # its `?` is missing; the password may contain an `@`
        yield forgotten.end(), len(url)
    if (equals := url.find("=", before, end)) >= 0:  # its `?` is missing too; all that follows may be a password
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
    """Return a URL or libpq's keywords with everything masked that may be a password."""
    for start, end in reversed(secret_spans(url)):
        url = url[:start] + MASK + url[end:]
    return url


def secrets_of(url: str) -> tuple[str, ...]:
    """Return every spelling of the password in a URL or in libpq's keywords, the longest first."""
    raw = [url[start:end] for start, end in _secrets(url)]
    bare = [re.sub(r"\\(.)", r"\1", value.strip("'"), flags=re.DOTALL) for value in raw]
    spellings = {spelling for value in (*raw, *bare) for spelling in (value, value.strip("'"), unquote(value))}
    return tuple(sorted((spelling for spelling in spellings if spelling), key=len, reverse=True))


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Return a message of libpq or of the server with every spelling of the password masked."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text
