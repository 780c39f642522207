"""A file that is ready to be executed, or all of its faults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from sqlmigrate.errors import Kind, MigrationError, gather
from sqlmigrate.source import Source, Span

from .blemishes import conflict_in_unsplit, conflicts, unseen
from .classify import OUTSIDE_TRANSACTION
from .directives import Directive, read_directives
from .foreign import foreign_directives, foreign_sections
from .misread import misread
from .splitter import split
from .statement import Statement

_BEGINS = re.compile(r"(BEGIN|START TRANSACTION)\b( WORK| TRANSACTION)?(?P<options>.*)")
_ENDS = re.compile(r"(COMMIT|END|ROLLBACK|ABORT|PREPARE TRANSACTION)\b(?! PREPARED)(?!( WORK| TRANSACTION)? TO\b)")
_COMMITS = re.compile(r"(COMMIT|END)( WORK| TRANSACTION)?( AND NO CHAIN)?$")
_PLAIN_BEGIN = re.compile(r"BEGIN( WORK| TRANSACTION)?$")
_LARGE_OBJECT = re.compile(r"SELECT (PG_CATALOG \. )?(LO_(OPEN|CLOSE|LSEEK|LSEEK64|PUT|TRUNCATE)|LOWRITE) \(")
_ISOLATION = r"ISOLATION LEVEL (SERIALIZABLE|REPEATABLE READ|READ (UN)?COMMITTED)"
_BEGIN_OPTIONS = re.compile(rf"( ({_ISOLATION}|READ (WRITE|ONLY)|(NOT )?DEFERRABLE)( ,)?)*")
_READ_ONLY = re.compile(r"SET TRANSACTION\b.* READ ONLY\b")
_TRANSACTION_SETTING = re.compile(r"SET TRANSACTION (ISOLATION|READ|DEFERRABLE|NOT)\b")


@dataclass(frozen=True)
class Script:
    """A file that is ready to be executed.

    Attributes:
        source: The text of the file.
        statements: The statements that are sent. BEGIN and COMMIT around the whole file are not among them, nor those
            that `pg_dump` writes around the data of large objects.
        mode: `transaction`: all in one transaction. `statements`: each one on its own.
        begin: What is sent to begin the transaction, with the options of the file's own BEGIN.
        settings: How many of the first statements are ``SET TRANSACTION``, which PostgreSQL accepts only before others.
        directives: The directives, in the order of the file.
        opening: The file's own BEGIN; None if it has none.
        notes: What the user has to know: comments that are directives of other tools, and have no effect here.

    """

    source: Source
    statements: tuple[Statement, ...]
    mode: Literal["transaction", "statements"]
    begin: str = "begin"
    settings: int = 0
    directives: tuple[Directive, ...] = ()
    opening: Statement | None = None
    notes: tuple[str, ...] = ()

    def value(self, name: str) -> str | None:
        """Return the value of the directive `name`, empty if it has no value; None if the file lacks the directive."""
        return next((directive.value for directive in self.directives if directive.name == name), None)

    @cached_property
    def defining(self) -> tuple[Statement, ...]:
        """The statements that may do more than write rows or rights: of thousands of INSERTs none."""
        return tuple(statement for statement in self.statements if not statement.plain)

    @cached_property
    def session_settings(self) -> frozenset[str | None]:
        """The settings that the statements of the file change for the session."""
        return frozenset(statement.kind.session_setting for statement in self.defining)

    @property
    def irreversible(self) -> str | None:
        """The reason why the migration intentionally has no down; None if the file does not say so."""
        value = self.value("irreversible")
        return None if value is None else value[1:-1].strip() or "its up file says so"


def read(source: Source) -> Script:
    """Split a source, read its directives and decide how it is executed.

    Raises `MigrationError` for a text that cannot be split, a wrong directive, a statement that would begin or end a
    transaction, and a statement that cannot run in a transaction in a file with others; for parts of the other
    direction, conflict markers and invisible characters. The error is the first fault of the file; the further ones are
    its `others`.
    """
    statements = _statements(source)
    directives, errors = read_directives(source, statements)
    script = _script(source, statements, directives)
    foreign = [*conflicts(source, statements), *foreign_sections(source, statements), *unseen(source, statements)]
    errors = [*foreign, *errors, *_faults(script), *misread(statements)]
    if errors:
        raise gather(errors)
    notes = foreign_directives(source, statements, has_transaction=script.mode == "transaction")
    return replace(script, notes=notes) if notes else script


def _statements(source: Source) -> tuple[Statement, ...]:
    try:
        return tuple(split(source))
    except MigrationError as error:
        if conflict := conflict_in_unsplit(source):
            raise gather([conflict, error]) from None
        raise


def _script(source: Source, statements: tuple[Statement, ...], directives: tuple[Directive, ...]) -> Script:
    if any(directive.name == "no-transaction" for directive in directives):
        return Script(source, statements, "statements", directives=directives)
    if len(statements) == 1 and not statements[0].kind.runs_in_transaction:
        return Script(source, statements, "statements", directives=directives)
    begin, opening = "begin", None
    statements = _without_pairs_of_dumps(statements)
    wrapped = (
        len(statements) > 1
        and _BEGINS.match(statements[0].kind.first_words)
        and _COMMITS.match(statements[-1].kind.first_words)
    )
    if wrapped:
        begin, opening = "begin" + _begin_options(statements[0]), statements[0]
        statements = statements[1:-1]
    settings = 0
    while settings < len(statements) and _TRANSACTION_SETTING.match(statements[settings].kind.first_words):
        settings += 1
    return Script(source, statements, "transaction", begin, settings, directives, opening)


def _without_pairs_of_dumps(statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """Leave out the BEGIN and COMMIT that `pg_dump` writes around the data of large objects.

    The statements between them need a transaction, and have the one of the file.
    """
    kept: list[Statement] = []
    opened: int | None = None  # where in `kept` a BEGIN is, with nothing but data of large objects after it
    for statement in statements:
        if statement.plain:
            opened = None
            kept.append(statement)
            continue
        shape = statement.kind.first_words
        if opened is not None and len(kept) > opened + 1 and _COMMITS.match(shape):
            del kept[opened]
            opened = None
            continue
        if _PLAIN_BEGIN.match(shape):
            opened = len(kept)
        elif not _LARGE_OBJECT.match(shape):
            opened = None
        kept.append(statement)
    return tuple(kept)


def _begin_options(statement: Statement) -> str:
    options = _BEGINS.match(statement.kind.first_words)
    return options["options"].lower() if options else ""


def _faults(script: Script) -> Iterator[MigrationError]:
    is_told = False
    for statement in script.defining:
        kind = statement.kind
        shape = kind.first_words
        if _BEGINS.match(shape) or _ENDS.match(shape):
            yield _own_transaction(statement, script.mode)
        elif script.mode == "transaction" and not kind.runs_in_transaction:
            error = _in_transaction(statement, is_alone=len(script.statements) == 1)
            yield error.with_(hint=None) if is_told else error
            is_told = True  # one directive is for all of them
        elif script.mode == "transaction" and _READ_ONLY.match(shape):
            yield _read_only(statement)
    if script.opening and not _BEGIN_OPTIONS.fullmatch(_begin_options(script.opening).upper()):
        hint = "the options are ISOLATION LEVEL …, READ WRITE and [NOT] DEFERRABLE"
        yield MigrationError("unknown option in `BEGIN`", script.opening.span, hint=hint)
    elif script.opening and "read only" in script.begin:
        yield _read_only(script.opening)


def _read_only(statement: Statement) -> MigrationError:
    return MigrationError(
        "a migration cannot run in a READ ONLY transaction: its history row is written in the same transaction",
        statement.span,
        hint="remove READ ONLY",
    )


def _in_transaction(statement: Statement, *, is_alone: bool) -> MigrationError:
    if is_alone:
        but = "it is between BEGIN and COMMIT"
        hint = "remove BEGIN and COMMIT: alone in its file, it runs without a transaction"
    else:
        but = "its file has other statements"
        hint = (
            "put it in a file of its own; or write `-- sqlmigrate: no-transaction` in the first line of this file: "
            "then each statement runs and is recorded on its own"
        )
    message = f"`{_keywords(statement)}` cannot run in a transaction, but {but}"
    return MigrationError(message, _first_word(statement), kind=Kind.OUTSIDE_TRANSACTION, hint=hint)


def _own_transaction(statement: Statement, mode: str) -> MigrationError:
    if mode == "statements":
        return MigrationError(
            f"`{_keywords(statement)}` in a file that runs without a transaction",
            _first_word(statement),
            kind=Kind.TRANSACTION_CONTROL,
            hint="remove BEGIN and COMMIT: each statement of this file runs and is recorded on its own",
        )
    does = (
        "begin a second transaction"
        if _BEGINS.match(statement.kind.first_words)
        else "end the transaction of the migration"
    )
    return MigrationError(
        f"`{_keywords(statement)}` would {does}",
        _first_word(statement),
        kind=Kind.TRANSACTION_CONTROL,
        hint="remove it: the file and its history row are committed together "
        "(BEGIN and COMMIT around the whole file are allowed)",
    )


def _keywords(statement: Statement) -> str:
    shape = statement.kind.first_words
    if control := _ENDS.match(shape) or _BEGINS.match(shape):
        return control[1]
    match = OUTSIDE_TRANSACTION.match(shape)
    if match and len(match[0]) < 40:  # noqa: PLR2004 - longer ones hold names and options
        return match[0].strip()
    return " ".join(word for word in shape.split()[:2] if word[0] not in "\"'(")


def _first_word(statement: Statement) -> Span:
    return statement.source.span(statement.start)
