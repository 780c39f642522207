"""The error for characters that the encoding of a database lacks: told before anything is executed.

PostgreSQL names only the bytes, and no place. The history has the text of a file, so its comments count as well. The
data of a COPY that stay on disk are left to the server: it names their line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlmigrate.errors import NOTHING_EXECUTED_BY_THIS_RUN, MigrationError
from sqlmigrate.source import Source

from .plan import Step

# https://www.postgresql.org/docs/current/multibyte.html#CHARSET-TABLE, and Python's name for each encoding of one byte.
# Of the others Python's tables are not those of PostgreSQL, so only the server can tell.
_LATIN = (1, 2, 3, 4, 9, 10, 13, 14, 15, 16)  # LATIN1 to LATIN10, as parts of ISO 8859
_CODECS = {
    **{f"LATIN{number}": f"iso8859_{part}" for number, part in zip(range(1, 11), _LATIN, strict=True)},
    **{f"ISO_8859_{part}": f"iso8859_{part}" for part in (5, 6, 7, 8)},
    **{f"WIN{page}": f"cp{page}" for page in (866, 874, *range(1250, 1259))},
    "KOI8R": "koi8_r",
    "KOI8U": "koi8_u",
}


def encoding_errors(steps: Sequence[Step], encoding: str | None) -> list[MigrationError]:
    """Return an error for each text of the steps with characters that the database's encoding lacks.

    `encoding` is PostgreSQL's name of it. Where it is unknown, nothing is refused: the server refuses it then.
    """
    codec = _CODECS.get(encoding or "")
    if codec is None:
        return []
    texts = (source for step in steps for source in _texts(step) if not source.text.isascii())
    return [error for source in texts for error in _errors(source, codec, str(encoding))]


def _texts(step: Step) -> Iterator[Source]:
    """Yield what is sent for a step: for an up, the history also gets the text of the down file."""
    yield step.script.source
    if step.direction == "up" and step.migration.down:
        yield step.migration.down


def _errors(source: Source, codec: str, encoding: str) -> Iterator[MigrationError]:
    from sqlmigrate.parsing.blemishes import name_of  # noqa: PLC0415 - only for an error

    try:
        source.text.encode(codec)
    except UnicodeEncodeError as error:
        yield MigrationError(
            f"{name_of(source.text[error.start])}, cannot be stored: the database has the encoding {encoding}",
            source.span(error.start, error.start + 1),
            state=NOTHING_EXECUTED_BY_THIS_RUN,
            hint="write another character, in comments too: the history stores the whole text",
        )
