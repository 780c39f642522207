"""Reads a file of targets: a name and a URL, or libpq's keywords, on each line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import psycopg
from psycopg.conninfo import conninfo_to_dict

from sqlmigrate.config.passwords import secret_spans
from sqlmigrate.config.url import SCHEME, checked
from sqlmigrate.errors import NOTHING_EXECUTED, ConfigError, SqlmigrateError, gather
from sqlmigrate.source import Source

from .target import Target, completed, names_database

# A word with quotes is one keyword and its value: password='two words'.
_WORD = re.compile(r"(?:[^\s'=]+\s*=\s*'(?:\\.|[^'\\])*'|\S)+")
_SCHEMA = "schema="
_KEYWORD = re.compile(r"(?P<key>\w+)\s*=(?P<blank>\s*)(?P<value>'(?:\\.|[^'\\])*'|\S*)")
_PARAMETER = re.compile(r"(?<=[?&])(?P<key>\w+)=(?P<value>[^&\s]*)")
_IN_URL = re.compile(r"(?<![\w/])\w[\w.+-]*://\S*")
_EXAMPLE = "shop_01 postgresql://app@db.internal/shop_01 @canary"


def read_targets(path: str, text: str, base: str) -> tuple[Target, ...]:
    """Read the targets of a file; what one does not name is taken from `base`.

    Raises `ConfigError` with every fault, each with its place; passwords are masked in what it shows.
    """
    shown = Source(path, _masked(text))
    found: list[Target] = []
    errors: list[SqlmigrateError] = []
    lines: dict[str, int] = {}
    for start, line in _lines(text):
        try:
            target = _target(line, base, f"{path}:{shown.place(start)[0]}")
            _require_new(target.name, lines)
        except _Wrong as wrong:
            at = start + wrong.offset
            errors.append(ConfigError(wrong.message, shown.span(at), state=NOTHING_EXECUTED, hint=wrong.hint))
        else:
            lines[target.name] = shown.place(start)[0]
            found.append(target)
    if errors:
        raise gather(errors)
    if not found:
        raise ConfigError(f"{path} names no target", state=NOTHING_EXECUTED, hint=f"one on each line: {_EXAMPLE}")
    return tuple(found)


class _Wrong(Exception):  # noqa: N818 - becomes a `ConfigError` where the place is known
    """A fault of a line, at an offset in it."""

    def __init__(self, offset: int, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.offset, self.message, self.hint = offset, message, hint


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the offset and the text of each line that holds a target: without blanks and comments around it."""
    offset = 0
    for line in text.splitlines(keepends=True):
        bare = re.sub(r"(^|\s)#.*", "", line, flags=re.DOTALL).rstrip()
        if bare.strip():
            yield offset + len(bare) - len(bare.lstrip()), bare.lstrip()
        offset += len(line)


def _require_new(name: str, lines: Mapping[str, int]) -> None:
    if name in lines:
        raise _Wrong(0, f"the name `{name}` is already on line {lines[name]}")


def _target(line: str, base: str, named_by: str) -> Target:
    first, *words = _WORD.finditer(line)
    name = first[0]
    if SCHEME.match(name) or "=" in name:
        raise _Wrong(0, "the name of the target is missing: it comes first on the line", f"for example: {_EXAMPLE}")
    tags = tuple(word[0][1:] for word in words if word[0].startswith("@"))
    if "" in tags:
        raise _Wrong(next(word.start() for word in words if word[0] == "@"), "a tag is empty", "for example: @canary")
    schema = next((word for word in words if word[0].startswith(_SCHEMA)), None)
    place = [word for word in words if not word[0].startswith("@") and word is not schema]
    if not place and schema is None:
        hint = f"a URL, keywords (dbname={name}), or a schema of the database (schema={name})"
        raise _Wrong(0, f"the line names no database for `{name}`", hint)
    _require_values(line, first.end())
    own = _keywords(place, named_by) if place else {}
    url = completed(base, own)
    if not names_database(url):
        hint = f"add dbname={name} to the line; or, if it is the same for all: --database-url dbname=DATABASE"
        raise _Wrong(0, f"neither the line nor --database-url names the database of `{name}`", hint)
    return Target(name, url, schema[0].removeprefix(_SCHEMA).strip("'") if schema else None, tags)


def _require_values(line: str, start: int) -> None:
    """Refuse a keyword without a value, and one that is given twice: libpq would take a default, or the last one."""
    known = {"schema", *(option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults())}
    given: set[str] = set()
    for offset, key, is_empty in _given(line, start):
        if key not in known:
            continue
        if is_empty:
            raise _Wrong(offset, f"`{key}` is empty", "give it a value, or remove it; was a variable empty?")
        if key in given:
            raise _Wrong(offset, f"`{key}` is given twice", "remove one of them")
        given.add(key)


def _given(line: str, start: int) -> Iterator[tuple[int, str, bool]]:
    """Yield the place and the name of each keyword of a line, also of a URL, and whether its value is empty."""
    rest = re.sub(r"(?<=\s)@\S+", lambda tag: " " * len(tag[0]), line)  # in `dbname= @eu` the value is empty
    for url in _IN_URL.finditer(rest, start):
        if path := re.search(r"(?<![:/])/([^?\s]+)", url[0]):
            yield url.start() + path.start(1), "dbname", False
        for each in _PARAMETER.finditer(url[0]):
            yield url.start() + each.start(), each["key"], not each["value"]
        rest = rest[: url.start()] + " " * len(url[0]) + rest[url.end() :]
    for each in _KEYWORD.finditer(rest, start):
        # libpq skips blanks: in `dbname= host=db` the name of the database would be `host=db`
        is_empty = not each["value"].strip("' ") or bool(each["blank"] and _KEYWORD.match(each["value"]))
        yield each.start(), each["key"], is_empty


def _keywords(words: list[re.Match[str]], named_by: str) -> dict[str, str]:
    """Return libpq's keywords, from a URL or from keywords."""
    start, text = words[0].start(), " ".join(word[0] for word in words)
    if SCHEME.match(text) and len(words) > 1:
        raise _Wrong(words[1].start(), "nothing but `schema=…` and @tags may follow a URL")
    try:
        found = conninfo_to_dict(checked(text, named_by))
    except ConfigError as error:
        raise _Wrong(start, error.message, error.hint) from None
    except psycopg.ProgrammingError:
        known = "https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS"
        raise _Wrong(start, "libpq does not accept this", f"its keywords: {known}") from None
    return {name: str(value) for name, value in found.items() if value is not None}


def _masked(text: str) -> str:
    """Return the text with every password masked by as many characters, so that all places stay the same."""
    masked = list(text)
    for start, line in _lines(text):
        name = _WORD.match(line)
        after = name.end() if name and not SCHEME.match(line) and "=" not in name[0] else 0
        for word in _WORD.finditer(line, after):
            if word[0].startswith(("@", _SCHEMA)):
                continue
            for first, last in secret_spans(word[0]):
                at = start + word.start()
                masked[at + first : at + last] = "*" * (last - first)
    return "".join(masked)
