"""The queries that watch a migration: its locks, its storage, and the counters of the open transaction.

https://www.postgresql.org/docs/current/view-pg-locks.html
"""

from __future__ import annotations

from sqlmigrate.database.session import Request

# The name of a relation as messages show it, without the schema `public`.
RELATION = """\
       case when n.nspname = 'public' then pg_catalog.quote_ident(c.relname)
            else pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) end"""
LOCKS = f"""\
select l.relation::text, l.mode, l.granted::text, c.relkind::text, n.nspname::text, c.relfilenode::text,
{RELATION},
       (select pg_catalog.regexp_replace(i.indrelid::pg_catalog.regclass::text, '^public\\.', '')
          from pg_catalog.pg_index i where i.indexrelid = c.oid),
       (select pg_catalog.regexp_replace(h.inhparent::pg_catalog.regclass::text, '^public\\.', '')
          from pg_catalog.pg_inherits h where h.inhrelid = c.oid limit 1),
       (exists (select from pg_catalog.pg_depend d
                 where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid
                   and d.deptype = 'e'))::text
  from pg_catalog.pg_locks l
  left join pg_catalog.pg_class c on c.oid = l.relation
  left join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where l.pid = $1::int and l.locktype = 'relation'
   and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())"""
WAITS = "select 1 from pg_catalog.pg_locks l where l.pid = $1::int and not l.granted"
WORK = """\
select c.oid::text, c.relfilenode::text, c.relkind::text, i.indrelid::text,
       pg_catalog.quote_ident(c.relname),
       pg_catalog.pg_stat_get_xact_tuples_returned(c.oid)::text,
       pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid)::text,
       pg_catalog.pg_stat_get_xact_tuples_updated(c.oid)::text,
       pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid)::text,
       pg_catalog.current_setting('lock_timeout'),
       (select pg_catalog.sum(pg_catalog.pg_stat_get_xact_tuples_returned(x.indexrelid))::text
          from pg_catalog.pg_index x where x.indrelid = c.oid),
       pg_catalog.pg_stat_get_xact_numscans(c.oid)::text
  from pg_catalog.pg_class c left join pg_catalog.pg_index i on i.indexrelid = c.oid and c.relkind = 'i'
 where c.oid = any (pg_catalog.string_to_array($1::text, ' ')::pg_catalog.oid[])"""
TABLES = """\
select pg_catalog.string_agg(pg_catalog.format('%I.%I', n.nspname, c.relname), ', ')
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p') and c.relpersistence <> 't'
   and pg_catalog.format('%I.%I', n.nspname, c.relname) not in ($1::text, $2::text, $3::text)
   and n.nspname not in ('pg_catalog', 'information_schema')"""

BASE = Request("select c.oid::text from pg_catalog.pg_class c where c.oid >= 16384")

# The table or the index that is named, its partitions, and their tables or indexes; the table of an index as in LOCKS.
REINDEXED = f"""\
with named as (
  select pg_catalog.to_regclass($1::text)::oid as oid),
tree as (
  select oid from named
  union select part.relid from named cross join pg_catalog.pg_partition_tree(named.oid) part),
reindexed as (
  select oid from tree
  union select i.indrelid from pg_catalog.pg_index i join tree on tree.oid = i.indexrelid
  union select i.indexrelid from pg_catalog.pg_index i join tree on tree.oid = i.indrelid)
select c.oid::text, c.relkind::text,
       (select pg_catalog.regexp_replace(i.indrelid::pg_catalog.regclass::text, '^public\\.', '')
          from pg_catalog.pg_index i where i.indexrelid = c.oid),
       (select pg_catalog.regexp_replace(h.inhparent::pg_catalog.regclass::text, '^public\\.', '')
          from pg_catalog.pg_inherits h where h.inhrelid = c.oid limit 1),
{RELATION}
  from reindexed join pg_catalog.pg_class c using (oid) join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 order by c.oid"""

STORAGE = """\
select c.oid::text, c.relfilenode::text from pg_catalog.pg_class c
 where c.oid = any (pg_catalog.string_to_array($1::text, ' ')::pg_catalog.oid[])"""

# The plan for a small table is a scan, even for one row by its key. With this setting it is one only without an index.
PLAN_AS_IF_LARGE = Request("set random_page_cost = 1")
