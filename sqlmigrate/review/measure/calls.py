"""Which function a call means before and after a new function of the same name: the server is asked.

https://www.postgresql.org/docs/current/typeconv-func.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import psycopg

from sqlmigrate.catalog.objects import ROUTINES, Catalog, Change, Object
from sqlmigrate.database.session import Request, Session
from sqlmigrate.identifiers import displayed

from .facts import ChangedCall

_NOT_CALLED = re.compile(r"\n RETURNS (?:trigger|event_trigger)\n")
_TYPE = re.compile(r'(?:"(?:[^"]|"")*"|\([^)]*\)|[^,("])+')
_NUMBERS = ("smallint", "bigint", "numeric", "real", "double precision")
UNTYPED = "'...'"  # how a message shows an argument without a type
_WRONG_KIND = "42809"  # it is a procedure: the name was resolved
_CALLED = """\
select d.refobjid::pg_catalog.text
  from pg_catalog.pg_depend d join pg_catalog.pg_rewrite r on r.oid = d.objid
 where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
   and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
   and r.ev_class = pg_catalog.to_regclass('pg_temp.sqlmigrate_call')"""


def changed_calls(session: Session, before: Catalog, changes: Sequence[Change]) -> Iterator[ChangedCall]:
    """Return the calls of old functions that a new function of the same name takes over, or makes ambiguous.

    Every call is compiled in a transaction that is rolled back, with the new functions and without them.

    Args:
        session: A session in no transaction, whose role may drop the new functions.
        before: The catalog before the file.
        changes: What the file changed.
    """
    new: dict[str, list[Object]] = {}
    for change in changes:
        if change.change == "new" and change.after and change.after.kind in ROUTINES:
            new.setdefault(change.after.called, []).append(change.after)
    gone = {each.before.identity for each in changes if each.change == "gone" and each.before}
    for old in before.objects.values() if new else ():
        if old.kind in ROUTINES and (others := new.get(old.called)) and _can_be_called(old):
            for shown, arguments in _calls(old):
                call = f"{old.called}({arguments})"
                first = old.identity.oid if old.identity in gone else _called(session, call, others)
                now = _called(session, call)
                if first != now and isinstance(first, int):
                    taken = next((each.name for each in others if each.identity.oid == now), "")
                    yield ChangedCall(
                        old, f"{displayed(old.called)}({shown})", taken, now if isinstance(now, str) else ""
                    )


def _can_be_called(function: Object) -> bool:
    definition = function.definition
    return "VARIADIC " not in definition and not _NOT_CALLED.search(definition)


def _calls(function: Object) -> Iterator[tuple[str, str]]:
    """Return the calls to try: how a message shows the arguments, and the arguments themselves.

    With values of exactly its types; with untyped parameters, as most drivers send them; with whole numbers for other
    numeric types, and with varchar for text. And each without the arguments that have a default.
    """
    types = [each.strip() for each in _TYPE.findall(function.path[-1].partition("(")[2][:-1])]
    head = function.definition.partition("\n RETURNS ")[0]
    for count in range(len(types), len(types) - head.count(" DEFAULT ") - 1, -1):
        some = types[:count]
        variants = {
            ", ".join(some): [f"null::{each}" for each in some],
            ", ".join("1" if each in _NUMBERS else each for each in some): [
                "1" if each in _NUMBERS else f"null::{each}" for each in some
            ],
            ", ".join("varchar" if each == "text" else each for each in some): [
                f"null::{'pg_catalog.varchar' if each == 'text' else each}" for each in some
            ],
            ", ".join(UNTYPED for _ in some): ["null" for _ in some],
        }
        for shown, arguments in variants.items():
            yield shown, ", ".join(arguments)


def _called(session: Session, call: str, without: Sequence[Object] = ()) -> int | str:
    """Return the OID of the function that a call means; the SQLSTATE if it means none.

    Args:
        session: A session in no transaction.
        call: The call.
        without: Functions to drop first.
    """
    drops = [Request(f"drop routine if exists {each.name} cascade") for each in without]
    view = Request(f"create temporary view sqlmigrate_call as select ({call}) is null as it")
    try:
        rows = session.ask(Request("begin"), *drops, view, Request(_CALLED), Request("rollback"))[-2]
    except psycopg.Error as error:
        session.abort()
        return 0 if error.sqlstate == _WRONG_KIND else error.sqlstate or ""
    return int(rows[0][0] or 0) if rows else 0
