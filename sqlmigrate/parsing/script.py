"""A file ready to be executed, or every fault in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from sqlmigrate.errors import Kind, MigrationError, gather
from sqlmigrate.source import Source, Span

from .classify import OUTSIDE_TRANSACTION
from .directives import Directive, read_directives
from .splitter import split
from .statement import Statement

_BEGINS = re.compile(r"(BEGIN|START TRANSACTION)\b( WORK| TRANSACTION)?(?P<options>.*)")
_ENDS = re.compile(r"(COMMIT|END|ROLLBACK|ABORT|PREPARE TRANSACTION)\b(?! PREPARED)(?!( WORK| TRANSACTION)? TO\b)")
_COMMITS = re.compile(r"(COMMIT|END)( WORK| TRANSACTION)?( AND NO CHAIN)?$")
_ISOLATION = r"ISOLATION LEVEL (SERIALIZABLE|REPEATABLE READ|READ (UN)?COMMITTED)"
_BEGIN_OPTIONS = re.compile(rf"( ({_ISOLATION}|READ (WRITE|ONLY)|(NOT )?DEFERRABLE)( ,)?)*")
_READ_ONLY = re.compile(r"SET TRANSACTION\b.* READ ONLY\b")
_TRANSACTION_SETTING = re.compile(r"SET TRANSACTION (ISOLATION|READ|DEFERRABLE|NOT)\b")


@dataclass(frozen=True)
class Script:
    """A file ready to be executed.

    `statements` are those that are sent: the two of a ``BEGIN; … COMMIT;`` around the whole file are not among them.
    `begin` is what opens our transaction, with the options of the file's own BEGIN, which is `opening`. `settings` are
    the leading ``SET TRANSACTION`` statements, which PostgreSQL takes only before any other.
    """

    source: Source
    statements: tuple[Statement, ...]
    mode: Literal["transaction", "statements"]
    begin: str = "begin"
    settings: int = 0
    directives: tuple[Directive, ...] = ()
    opening: Statement | None = None

    def value(self, name: str) -> str | None:
        """Give the value of the directive `name`, an empty text where it has none; None where it is not there."""
        return next((directive.value for directive in self.directives if directive.name == name), None)

    @cached_property
    def session_settings(self) -> frozenset[str | None]:
        """What the statements of the file set for the session."""
        return frozenset(statement.kind.session_setting for statement in self.statements)

    @property
    def irreversible(self) -> str | None:
        """The reason why there is no down on purpose; None where the file does not say so."""
        value = self.value("irreversible")
        return None if value is None else value[1:-1].strip() or "it says so"


def read(source: Source) -> Script:
    """Split a source, read its directives and find out how it is to be executed.

    Raises `MigrationError`: a text that cannot be split, a malformed directive, a statement that would end the
    transaction, one that runs in none beside others. Further faults of the same file are in its `others`.
    """
    statements = tuple(split(source))
    directives, errors = read_directives(source, statements)
    script = _script(source, statements, directives)
    errors += _faults(script)
    if errors:
        raise gather(errors)
    return script


def _script(source: Source, statements: tuple[Statement, ...], directives: tuple[Directive, ...]) -> Script:
    if any(directive.name == "no-transaction" for directive in directives):
        return Script(source, statements, "statements", directives=directives)
    if len(statements) == 1 and not statements[0].kind.runs_in_transaction:
        return Script(source, statements, "statements", directives=directives)
    begin, opening = "begin", None
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


def _begin_options(statement: Statement) -> str:
    options = _BEGINS.match(statement.kind.first_words)
    return options["options"].lower() if options else ""


def _faults(script: Script) -> Iterator[MigrationError]:
    for statement in script.statements:
        shape = statement.kind.first_words
        if _BEGINS.match(shape) or _ENDS.match(shape):
            yield _own_transaction(statement, script.mode)
        elif script.mode == "transaction" and not statement.kind.runs_in_transaction:
            yield _in_transaction(statement, is_alone=len(script.statements) == 1)
        elif script.mode == "transaction" and _READ_ONLY.match(shape):
            yield _read_only(statement)
    if script.opening and not _BEGIN_OPTIONS.fullmatch(_begin_options(script.opening).upper()):
        hint = "ISOLATION LEVEL …, READ WRITE and [NOT] DEFERRABLE are known"
        yield MigrationError("`BEGIN` with options that there are not", script.opening.span, hint=hint)
    elif script.opening and "read only" in script.begin:
        yield _read_only(script.opening)


def _read_only(statement: Statement) -> MigrationError:
    return MigrationError(
        "a migration cannot be executed in a READ ONLY transaction: its history row is written in the same one",
        statement.span,
        hint="take READ ONLY out",
    )


def _in_transaction(statement: Statement, *, is_alone: bool) -> MigrationError:
    if is_alone:
        beside, hint = "in a BEGIN; … COMMIT;", "take BEGIN and COMMIT out: alone in its file it runs in none"
    else:
        beside = "beside other statements"
        hint = (
            "give it a file of its own, or let every statement of this file run on its own, "
            "recorded one by one: -- sqlmigrate: no-transaction"
        )
    message = f"`{_keywords(statement)}` runs in no transaction, and stands {beside}"
    return MigrationError(message, _first_word(statement), kind=Kind.OUTSIDE_TRANSACTION, hint=hint)


def _own_transaction(statement: Statement, mode: str) -> MigrationError:
    if mode == "statements":
        return MigrationError(
            f"`{_keywords(statement)}` in a file that runs without a transaction",
            _first_word(statement),
            kind=Kind.TRANSACTION_CONTROL,
            hint="each statement of it runs on its own and is recorded; take BEGIN and COMMIT out",
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
        hint="take it out: the file and its history row are committed together "
        "(a BEGIN; … COMMIT; around the whole file is fine)",
    )


def _keywords(statement: Statement) -> str:
    shape = statement.kind.first_words
    if control := _ENDS.match(shape) or _BEGINS.match(shape):
        return control[1]
    match = OUTSIDE_TRANSACTION.match(shape)
    if match and len(match[0]) < 40:  # noqa: PLR2004 - what reads as a name
        return match[0].strip()
    return " ".join(word for word in shape.split()[:2] if word[0] not in "\"'(")


def _first_word(statement: Statement) -> Span:
    return statement.source.span(statement.start)
