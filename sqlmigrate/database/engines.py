"""Whether what answers is PostgreSQL. Other databases speak its protocol, and do not keep what we promise.

The promise is that a file and its history row are committed together, or neither is. A server that does not keep it
makes our sentences about a failed file untrue: "rolled back, nothing of it is in the database". So no command connects
to one. `status`, `log` and `verify` do not either: a history that was written there tells the same.

Most are known by what they send at the start. ``version()`` is asked for with the first request, in its round trip.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlmigrate.errors import NOTHING_CHANGED, ServerError

_TOGETHER = "so a file and its history row cannot be committed together"
_NO_TRANSACTION = f"it has no transactions of several statements, {_TOGETHER}"
_SCHEMA_APART = f"it executes no schema changes in a transaction, {_TOGETHER}"
_SEGMENTS = (
    "its tables are on several servers, each with transactions of its own, so sqlmigrate cannot see whether the "
    "transaction of a file has written its history row"
)
# The words in its parameters or in its `version()`, the name that people know, and why it is refused.
_OTHERS = (
    ("CockroachDB", "CockroachDB", f"it commits before every schema change, {_TOGETHER}"),
    ("-YB-", "YugabyteDB", f"unless it is told otherwise, it commits each schema change by itself, {_TOGETHER}"),
    ("Redshift", "Amazon Redshift", "it has no advisory locks, so two runs could execute the same file at once"),
    ("Greenplum Database", "Greenplum", _SEGMENTS),
    ("Cloudberry", "Cloudberry", _SEGMENTS),
    ("Materialize", "Materialize", _SCHEMA_APART),
    ("RisingWave", "RisingWave", _NO_TRANSACTION),
    ("QuestDB", "QuestDB", _NO_TRANSACTION),
    ("CrateDB", "CrateDB", _NO_TRANSACTION),
    ("using H2", "H2", f"it commits with every schema change, {_TOGETHER}"),
    ("openGauss", "openGauss", "it was made from PostgreSQL 9.2, and sqlmigrate needs what PostgreSQL has since 13"),
)
# Parameters that only they send at the start.
_PARAMETERS = {"crdb_version": "CockroachDB", "crate_version": "CrateDB", "mz_version": "Materialize"}
# PostgreSQL, and what is made from it, tell for which platform, or by which compiler on Windows, they were built.
_POSTGRESQL = re.compile(r"(PostgreSQL|EnterpriseDB|Babelfish|openHalo) \d.*( on \S|, compiled by )")
_NUMBER = re.compile(r"\d+(?:\.\d+)+")
_HINT = "sqlmigrate is for PostgreSQL 13 and newer, and for what is made from it: connect to such a server"


def refuse_parameters(place: str, parameter: Callable[[str], str | None]) -> None:
    """Raise `ServerError` if what the server at `place` has sent at the start is not what PostgreSQL sends.

    `parameter` gives the value of a parameter, None for one that was not sent.
    """
    for name, words in _PARAMETERS.items():
        if value := parameter(name):
            raise _refused(place, words, value)
    version = parameter("server_version") or ""
    if words := _named_in(version):
        raise _refused(place, words, version.partition(words)[2])


def refuse_version(place: str, version: str) -> None:
    """Raise `ServerError` if `version`, the answer of the server at `place` to ``version()``, is not PostgreSQL's."""
    if words := _named_in(version):
        raise _refused(place, words, version.partition(words)[2])
    if not _POSTGRESQL.match(version):
        raise ServerError(
            f"{place} is not PostgreSQL: it calls itself `{version}`, and whether it would commit a file together with "
            "its history row is not known",
            state=NOTHING_CHANGED,
            hint=_HINT,
        )


def _named_in(text: str) -> str:
    """Return the words that tell another database; empty if there are none."""
    return next((words for words, *_ in _OTHERS if words in text), "")


def _refused(place: str, words: str, version: str) -> ServerError:
    name, why = next((name, why) for each, name, why in _OTHERS if each == words)
    number = _NUMBER.search(version)
    return ServerError(
        f"{place} is {name}{f' {number[0]}' if number else ''}, not PostgreSQL: {why}",
        state=NOTHING_CHANGED,
        hint=_HINT,
    )
