"""Findings of values that statements write, and that depend on a setting of the session.

The words of a statement show the conversion, and the catalog shows what it converts. Which conversions a setting
decides: https://www.postgresql.org/docs/current/runtime-config-client.html and
https://www.postgresql.org/docs/current/runtime-config-logging.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlmigrate.catalog.objects import Catalog, Object
from sqlmigrate.identifiers import IDENTIFIER, QUALIFIED, displayed, plain, plain_parts
from sqlmigrate.parsing.tokens import blanked, split_at_commas, tokens
from sqlmigrate.review.measure import offending_rows
from sqlmigrate.review.rules import session_settings
from sqlmigrate.review.rules.rule import Finding

from .listing import listed
from .subject import MeasuredStatement, Subject

_WRITES = ("UPDATE", "INSERT", "DELETE", "MERGE", "WITH", "CREATE TABLE", "SELECT", "DO")
_TIMES = r"(?:date|timestamp(?!tz)(?! with time)|time(?!\w)(?! with time))"
_TEXTS = r"(?:text|varchar|char|character(?: varying)?)"
_CASTS = re.compile(rf"(?i)({QUALIFIED})\s*::\s*({_TIMES}|timestamptz|timestamp with time zone|{_TEXTS})(?![\w$])")
_CALLED_CAST = re.compile(rf"(?i)\bcast\s*\(\s*({QUALIFIED})\s+as\s+({_TIMES}|timestamptz|{_TEXTS})(?![\w$])")
_PARTS = re.compile(
    rf"(?i)\b(?:date_trunc|date_part|to_char|date)\s*\(\s*(?:'[^']*'\s*,\s*)?({QUALIFIED})\s*(?:,\s*'[^']*')?\)"
    rf"|\bextract\s*\(\s*(?!epoch)\w+\s+from\s+({QUALIFIED})\s*\)"
)
_SEARCHES = re.compile(r"(?i)\b(?:(?:plain|phrase|websearch_)?to_tsquery|to_tsvector)\s*(?=\()")
_CURRENT = re.compile(r"(?i)\bcurrent_setting\s*\(\s*'([\w.]+)'")
_SIMILAR = re.compile(rf"(?:{IDENTIFIER}|')\s+(<?<?%|%>>?)\s+(?:'|{IDENTIFIER})")
_SIMILARITY = {"%": "pg_trgm.similarity_threshold", "<%": "pg_trgm.word_similarity_threshold",
               "%>": "pg_trgm.word_similarity_threshold"}  # fmt: skip
DAY_OR_MONTH = re.compile(r"^'\d{1,2}([/.-])\d{1,2}\1\d{2,4}(?: .*)?'$")
_NO_OFFSET = re.compile(r"^'\d{4}-\d\d?-\d\d?[ T]\d\d?:\d\d(?::\d\d(?:\.\d+)?)?'$")
_ZONED = ("timestamp with time zone", "time with time zone")
_SHOWN = {"interval": "IntervalStyle", "bytea": "bytea_output"}
_HAVE_DAYS = ("date", "timestamp")


def find(subject: Subject) -> Iterator[Finding]:
    """Return these findings of an up file, one for each statement and setting."""
    for each in subject.statements:
        if each.text.startswith(_WRITES) and any(touch.written for touch in each.facts.touches):
            settings = [name for name in dict.fromkeys(_settings(subject, each)) if not is_set(subject, name, each)]
            if settings:
                message = f"the rows that are written depend on the session's {listed(settings, most=len(settings))}"
                yield subject.finding(session_settings.DEPENDS_ON_SETTING, each.place, message)


def is_set(subject: Subject, setting: str, maker: MeasuredStatement | None) -> bool:
    """Return whether the file sets a setting itself, before a statement."""
    words = re.escape(setting).replace("TimeZone", r"time\s*zone")
    sets = re.compile(rf"(?i)\bset\s+(?:local\s+|session\s+)?{words}\b|set_config\s*\(\s*'{words}'")
    until = maker.statement.start if maker else len(subject.up.source.text)
    return any(sets.search(each.text) for each in subject.up.statements if each.start <= until)


def _settings(subject: Subject, written: MeasuredStatement) -> Iterator[str]:
    catalog = subject.trip.after or subject.trip.before
    columns = _columns(catalog, written)
    code = written.code
    for found in (*_CASTS.finditer(code), *_CALLED_CAST.finditer(code)):
        yield from _of_cast(columns.get(_last(found[1]), ""), found[2].lower())
    for found in _PARTS.finditer(code):
        if columns.get(_last(found[1] or found[2]), "").startswith(_ZONED):
            yield "TimeZone"
    if any(_has_one_argument(code, found.end()) for found in _SEARCHES.finditer(code)):
        yield "default_text_search_config"
    yield from (found[1] for found in _CURRENT.finditer(code) if "." in found[1])
    if ("extension", "pg_trgm") in catalog.objects:
        operators = (found[1] for found in _SIMILAR.finditer(blanked(code, "string")) if found[1] in _SIMILARITY)
        yield from (_SIMILARITY[each] for each in operators)
    yield from _of_literals(written, set(columns.values()))


def _columns(catalog: Catalog, written: MeasuredStatement) -> dict[str, str]:
    """Return the types of the columns of the tables that a statement names; of two of a name none is known."""
    found: dict[str, str] = {}
    for each in _of_tables(catalog, written):
        name, type_ = plain(each.path[-1]), each.attributes.get("type") or ""
        found[name] = type_ if found.get(name, type_) == type_ else ""
    return found


def _of_tables(catalog: Catalog, written: MeasuredStatement) -> Iterator[Object]:
    tables = [each for name, each in catalog.tables.items() if written.names(displayed(name))]
    for table in tables:
        yield from catalog.parts_of(table, "column")


def _last(name: str) -> str:
    own = plain_parts(name)[-1]
    return own if '"' in name else own.lower()


def _of_cast(old: str, new: str) -> Iterator[str]:
    is_text, is_zoned = new.startswith(("text", "varchar", "char")), "tz" in new or "with time" in new
    if (old.startswith(_ZONED) and not is_zoned) or (old.startswith(("timestamp", "time ")) and is_zoned):
        yield "TimeZone"
    elif is_text and old in _SHOWN:
        yield _SHOWN[old]
    elif old.startswith(("text", "character")) and not is_text:
        yield "DateStyle"


def _has_one_argument(code: str, start: int) -> bool:
    inside = offending_rows.balanced(code, start)
    return inside is not None and len([*split_at_commas(inside[1:-1])]) == 1


def _of_literals(written: MeasuredStatement, types: set[str]) -> Iterator[str]:
    """Return the settings that decide what the strings of a statement mean, if it writes no other dates and times."""
    strings = [text for kind, _, text in tokens(written.code) if kind == "string"]
    if any(each.startswith(_HAVE_DAYS) for each in types) and any(DAY_OR_MONTH.match(each) for each in strings):
        yield "DateStyle"
    has_zoned = any(each.startswith(_ZONED) for each in types)
    has_others = any(each.startswith(_HAVE_DAYS) and not each.startswith(_ZONED) for each in types)
    if has_zoned and not has_others and any(_NO_OFFSET.match(each) for each in strings):
        yield "TimeZone"
