"""How a file differs from the text that was executed: the kind of change, and a short diff.

Line endings, a byte order mark and newlines at the end are not a change: the checksum ignores them too.
"""

from __future__ import annotations

import difflib
import hashlib
import re

from sqlmigrate.errors import MigrationError
from sqlmigrate.parsing.splitter import split
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.parsing.tokens import tokens
from sqlmigrate.source import Source
from sqlmigrate.spelling import plural

from .migration import normalized
from .on_disk import stand_in

_STAND_IN = re.compile(r"-- [0-9]+ bytes of data, SHA-256 [0-9a-f]{64}\n")
_MOST_LINES = 20


def what_changed(executed: str, now: str) -> str:
    """Say what kind of change it is: ``SQL``, or ``only white space or comments``."""
    same = _significant(normalized(executed)) == _significant(normalized(now))
    return "only white space or comments" if same else "SQL"


def is_same_statement(one: Statement, other: Statement) -> bool:
    """Tell whether two statements differ in line ends, white space and comments alone; data of a COPY must be equal."""
    return _is_same_data(one, other) and _words(normalized(one.text)) == _words(normalized(other.text))


def _is_same_data(one: Statement, other: Statement) -> bool:
    """Compare the data of two COPYs; if those of one are not held, by their checksums."""
    if one.data is None or other.data is None:
        return one.data is other.data
    stand_ins = [_stand_in(each) for each in (one, other)]
    if not any(stand_ins):
        return normalized(one.data.text) == normalized(other.data.text)
    ones, others = (known or _stand_in_for(each) for known, each in zip(stand_ins, (one, other), strict=True))
    return ones == others


def _stand_in(statement: Statement) -> str:
    """Return what stands for data that are not held; empty if they are held."""
    if on_disk := statement.on_disk:
        return stand_in(on_disk.size, on_disk.checksum)
    return statement.data.text if statement.data and _STAND_IN.fullmatch(statement.data.text) else ""


def _stand_in_for(statement: Statement) -> str:
    raw = statement.data.text.encode() if statement.data else b""
    return stand_in(len(raw), hashlib.sha256(raw).hexdigest())


def _significant(text: str) -> list[str]:
    """Return the words of a text, and the data of each COPY as one: no white space, no comments.

    A text that cannot be split is returned as it is.
    """
    found: list[str] = []
    position = 0
    try:
        for statement in split(Source("", text)):
            if data := statement.data:
                found += [*_words(text[position : data.start]), data.text]
                position = data.end
    except MigrationError:
        return [text]
    return found + _words(text[position:])


def _words(text: str) -> list[str]:
    return [word for kind, _, word in tokens(text) if kind not in ("blank", "comment")]


def diff(executed: str, now: str) -> list[str]:
    """Return a unified diff of the executed text and the file, without its header, at most 20 lines long."""
    lines = list(
        difflib.unified_diff(normalized(executed).splitlines(), normalized(now).splitlines(), n=1, lineterm="")
    )[2:]
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"… {plural(len(lines) - _MOST_LINES, 'more line')}"]
    return lines
