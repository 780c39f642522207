"""What no single object shows: a foreign key without an index, a sequence behind its column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sqlmigrate.database import Request, Session
from sqlmigrate.statement import Script

from .catalog import Change
from .subject import last_part

_WRITES = re.compile(r"\b(insert|copy|setval|merge)\b", re.IGNORECASE)

# An index serves where its first columns are those of the key, in any order
# (https://www.postgresql.org/docs/current/ddl-constraints.html#DDL-CONSTRAINTS-FK).
_UNINDEXED = """\
select c.conname::text, c.conrelid::pg_catalog.regclass::text,
       (select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' order by a.attnum)
          from pg_catalog.pg_attribute a where a.attrelid = c.conrelid and a.attnum = any (c.conkey))
  from pg_catalog.pg_constraint c
 where c.contype = 'f' and c.conparentid = 0
   and not exists (
       select from pg_catalog.pg_index i
        where i.indrelid = c.conrelid and i.indpred is null
          and (i.indkey::pg_catalog.int2[])[0:pg_catalog.cardinality(c.conkey) - 1] operator(pg_catalog.@>) c.conkey)"""
_BEHIND = """\
select pg_catalog.format('%s.%I', t.oid::pg_catalog.regclass, a.attname), s.oid::pg_catalog.regclass::text,
       coalesce(pg_catalog.pg_sequence_last_value(s.oid), 0)::text, top.value
  from pg_catalog.pg_depend d
  join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
  join pg_catalog.pg_class t on t.oid = d.refobjid and t.relkind in ('r', 'p')
  join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
  join pg_catalog.pg_sequence q on q.seqrelid = s.oid and q.seqincrement > 0
  cross join lateral (
       select (pg_catalog.xpath('/row/max/text()', pg_catalog.query_to_xml(
                pg_catalog.format('select max(%I) from %s', a.attname, t.oid::pg_catalog.regclass), false, true, '')
              ))[1]::text as value) as top
 where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.deptype in ('a', 'i')
   and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
   and top.value ~ '^[0-9]+$'
   and top.value::numeric > coalesce(pg_catalog.pg_sequence_last_value(s.oid), 0)"""


def unindexed(session: Session, changes: Sequence[Change]) -> Iterator[tuple[str, str, str]]:
    """Give the foreign keys that are new and have no index: the rule, the table, and a sentence."""
    new = {last_part(each.after.name) for each in changes if each.after and each.change == "new"}
    new &= {last_part(each.after.name) for each in changes if each.after and each.kind.endswith("constraint")}
    if not new:
        return
    for name, table, columns in session.ask(Request(_UNINDEXED))[0]:
        if name in new:
            message = (
                f"no index begins with `{table}` ({columns}): each DELETE or key change of the referenced rows scans it"
            )
            yield "fk-without-index", table or "", message


def behind(session: Session, script: Script) -> frozenset[tuple[str, str]]:
    """Give the columns whose sequence is behind them, each with a sentence; none where the file writes no rows."""
    if not any(_WRITES.search(statement.text) for statement in script.statements):
        return frozenset()
    return frozenset(
        (
            str(column),
            f"`{column}` goes up to {top}, and its sequence `{sequence}` is at {last}: the next INSERT fails",
        )
        for column, sequence, last, top in session.ask(Request(_BEHIND))[0]
    )
