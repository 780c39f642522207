"""Foreign keys without an index, and sequences that are behind their column: what no single object shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sqlmigrate.catalog.objects import Change
from sqlmigrate.database.session import Request, Session
from sqlmigrate.identifiers import displayed
from sqlmigrate.parsing.script import Script

from .facts import LateSequence, UnindexedKey

# What may put rows before a sequence, or a sequence behind rows.
_MOVES = re.compile(r"\b(insert|copy|setval|merge|restart|sequence|nextval|owned|add\s+generated)\b", re.IGNORECASE)

# An index helps if its first columns are those of the key, in any order
# (https://www.postgresql.org/docs/current/ddl-constraints.html#DDL-CONSTRAINTS-FK).
_UNINDEXED = """\
select pg_catalog.format('%I.%I.%I', n.nspname, t.relname, c.conname),
       case when n.nspname = 'public' then pg_catalog.quote_ident(t.relname)
            else pg_catalog.format('%I.%I', n.nspname, t.relname) end,
       (select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', '
                                     order by pg_catalog.array_position(c.conkey, a.attnum))
          from pg_catalog.pg_attribute a where a.attrelid = c.conrelid and a.attnum = any (c.conkey))
  from pg_catalog.pg_constraint c
  join pg_catalog.pg_class t on t.oid = c.conrelid join pg_catalog.pg_namespace n on n.oid = t.relnamespace
 where c.contype = 'f' and c.conparentid = 0
   and not exists (
       select from pg_catalog.pg_index i
        where i.indrelid = c.conrelid and i.indpred is null and i.indisvalid
          and (i.indkey::pg_catalog.int2[])[0:pg_catalog.cardinality(c.conkey) - 1] operator(pg_catalog.@>) c.conkey)
 order by 1"""
# The sequence that a column owns, or that its default calls.
_SEQUENCES = """\
select distinct t.oid::pg_catalog.regclass::text, pg_catalog.quote_ident(a.attname), s.oid::pg_catalog.regclass::text,
       q.seqincrement::text,
       (exists (select from pg_catalog.pg_index i
                 where i.indrelid = t.oid and i.indisunique and i.indnkeyatts = 1 and i.indkey[0] = a.attnum))::text,
       coalesce(pg_catalog.pg_get_serial_sequence(t.oid::pg_catalog.regclass::text, a.attname)::pg_catalog.regclass
                operator(pg_catalog.=) s.oid, false)::text
  from pg_catalog.pg_depend d
  left join pg_catalog.pg_attrdef f on d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass and f.oid = d.objid
  join pg_catalog.pg_class s on s.relkind = 'S' and s.oid = case when f.oid is null then d.objid else d.refobjid end
  join pg_catalog.pg_class t on t.relkind in ('r', 'p')
       and t.oid = case when f.oid is null then d.refobjid else f.adrelid end
  join pg_catalog.pg_attribute a on a.attrelid = t.oid
       and a.attnum = case when f.oid is null then d.refobjsubid else f.adnum end
  join pg_catalog.pg_sequence q on q.seqrelid = s.oid and q.seqincrement > 0
 where d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and a.atttypid in (20, 21, 23)
   and (f.oid is not null or d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.deptype in ('a', 'i'))
 order by 1, 2"""  # of bigint, smallint and integer columns


def unindexed_keys(session: Session, changes: Sequence[Change]) -> Iterator[UnindexedKey]:
    """Return the foreign keys that are new and have no index."""
    new = {each.after.name for each in changes if each.after and each.change == "new" and each.kind == "constraint"}
    if not new:
        return
    for name, table, columns in session.ask(Request(_UNINDEXED))[0]:
        if name in new:
            yield UnindexedKey(table or "", columns or "", name or "")


def late_sequences(session: Session, script: Script) -> frozenset[LateSequence]:
    """Return the sequences that are behind their column; none if the file moves neither rows nor sequences."""
    if not any(_MOVES.search(statement.text) for statement in script.statements):
        return frozenset()
    sequences = session.ask(Request(_SEQUENCES))[0]
    if not sequences:
        return frozenset()
    # A sequence that was never called, or was set with is_called false, gives last_value itself.
    tops = (
        f"select (select max({column}) from {table})::text, "
        f"(select last_value - case when is_called then 0 else {increment} end from {sequence})::text"
        for table, column, sequence, increment, *_ in _texts(sequences)
    )
    answers = session.ask(*map(Request, tops))
    return frozenset(
        LateSequence(
            f"{displayed(table)}.{column}",
            displayed(sequence),
            int(last or 0),
            int(top),
            is_unique=unique == "true",
            is_owned=owned == "true",
        )
        for (table, column, sequence, _, unique, owned), ((top, last),) in zip(_texts(sequences), answers, strict=True)
        if top is not None and int(top) > int(last or 0)
    )


def _texts(rows: Sequence[Sequence[str | None]]) -> list[list[str]]:
    return [[value or "" for value in row] for row in rows]
