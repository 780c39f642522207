"""The queries that read a catalog: a query for each kind of object, each row an object.

Columns: kind, name, catalog, OID, number of the column, the table it belongs to, attributes as JSON.
https://www.postgresql.org/docs/current/catalogs.html
"""

from __future__ import annotations

from sqlmigrate.database import Request

GUARD = Request("begin isolation level repeatable read read only", quiet=True)
# Whatever the role or the database has set: definitions are written with full names, and moments in one zone.
SETTINGS = (
    Request("set local search_path = pg_catalog", quiet=True),
    Request("set local timezone = 'UTC'", quiet=True),
    Request("set local datestyle = 'ISO'", quiet=True),
    Request("set local row_security = off", quiet=True),
)

_USERS = "n.nspname !~ '^pg_(toast|temp_|toast_temp_)' and n.nspname not in ('pg_catalog', 'information_schema')"


def _own(catalog: str, oid: str) -> str:
    return (
        f"not exists (select from pg_catalog.pg_depend x where x.classid = '{catalog}'::pg_catalog.regclass "
        f"and x.objid = {oid} and x.deptype = 'e')"
    )


def _acl(column: str, kind: str, owner: str) -> str:
    """Rights as what they grant: those of the owner alone are the same written out or not."""
    return (
        f"(select string_agg(acl::text, ' ' order by acl::text) from unnest(coalesce({column}, "
        f"acldefault('{kind}', {owner}))) acl)"
    )


def _comment(oid: str, catalog: str, sub: str = "0") -> str:
    return (
        f"(select d.description from pg_description d where d.objoid = {oid} "
        f"and d.classoid = '{catalog}'::regclass and d.objsubid = {sub})"
    )


_NAME = "format('%I.%I', n.nspname, c.relname)"
_RELKIND = (
    "case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view' "
    "when 'm' then 'materialized view' when 'f' then 'foreign table' when 'S' then 'sequence' else 'composite type' end"
)

_SCHEMAS = f"""\
select 'schema', quote_ident(n.nspname), 'pg_namespace', n.oid::text, '0', null, jsonb_build_object(
       'owner', pg_get_userbyid(n.nspowner), 'acl', {_acl("n.nspacl", "n", "n.nspowner")},
       'comment', {_comment("n.oid", "pg_namespace")})::text
  from pg_namespace n where {_USERS} and {_own("pg_namespace", "n.oid")}"""

_RELATIONS = f"""\
select {_RELKIND}, {_NAME}, 'pg_class', c.oid::text, '0', {_NAME}, jsonb_build_object(
       'owner', pg_get_userbyid(c.relowner), 'persistence', c.relpersistence,
       'acl', {_acl("c.relacl", "r", "c.relowner")},
       'options', array_to_string(c.reloptions, ', '), 'access method', am.amname,
       'rls', c.relrowsecurity::text, 'rls forced', c.relforcerowsecurity::text,
       'replica identity', c.relreplident, 'partition key', pg_get_partkeydef(c.oid),
       'partition bound', pg_get_expr(c.relpartbound, c.oid),
       'parents', (select string_agg(h.inhparent::regclass::text, ', ' order by h.inhseqno)
                     from pg_inherits h where h.inhrelid = c.oid),
       'view', case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end,
       'populated', case when c.relkind = 'm' then c.relispopulated::text end,
       'sequence', case when c.relkind = 'S' then (select concat_ws(' ', format_type(s.seqtypid, null), s.seqstart,
                          s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle)
                     from pg_sequence s where s.seqrelid = c.oid) end,
       'owned by', case when c.relkind = 'S' then (
                    select format('%s.%I', d.refobjid::regclass, a.attname) from pg_depend d
                      join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
                     where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i')
                       and d.refclassid = 'pg_class'::regclass limit 1) end,
       'server', (select fs.srvname from pg_foreign_table ft join pg_foreign_server fs on fs.oid = ft.ftserver
                   where ft.ftrelid = c.oid),
       'comment', {_comment("c.oid", "pg_class")})::text
  from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_am am on am.oid = c.relam
 where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c') and {_USERS} and {_own("pg_class", "c.oid")}"""

_COLUMNS = f"""\
select 'column', {_NAME} || '.' || quote_ident(a.attname), 'pg_class', c.oid::text, a.attnum::text, {_NAME},
       jsonb_build_object(
       'type', format_type(a.atttypid, a.atttypmod), 'domain', (t.typtype = 'd')::text,
       'not null', a.attnotnull::text, 'default', case when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end,
       'generation', case when a.attgenerated <> '' then pg_get_expr(d.adbin, d.adrelid) end,
       'identity', nullif(a.attidentity, ''), 'generated', nullif(a.attgenerated, ''),
       'collation', (select co.collname from pg_collation co where co.oid = a.attcollation
                        and a.attcollation <> t.typcollation),
       'storage', a.attstorage, 'statistics', nullif(a.attstattarget, -1), 'options', array_to_string(a.attoptions, ', '),
       'acl', array_to_string(a.attacl, ' '), 'inherited', (not a.attislocal)::text,
       'position', rank() over (partition by c.oid order by a.attnum),
       'comment', {_comment("c.oid", "pg_class", "a.attnum")})::text
  from pg_attribute a
  join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
  join pg_type t on t.oid = a.atttypid
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f', 'c')
   and {_USERS} and {_own("pg_class", "c.oid")}"""

# NOT NULL is an attribute of its column; from PostgreSQL 18 on it is a constraint besides.
_CONSTRAINTS = f"""\
select 'constraint', {_NAME} || '.' || quote_ident(k.conname), 'pg_constraint', k.oid::text, '0', {_NAME},
       jsonb_build_object('definition', pg_get_constraintdef(k.oid), 'validated', k.convalidated::text,
       'inherited', (not k.conislocal)::text, 'comment', {_comment("k.oid", "pg_constraint")})::text
  from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
 where k.contype <> 'n' and {_USERS} and {_own("pg_class", "c.oid")}"""

_INDEXES = f"""\
select 'index', format('%I.%I', n.nspname, c.relname), 'pg_class', c.oid::text, '0',
       (select format('%I.%I', tn.nspname, t.relname) from pg_class t join pg_namespace tn on tn.oid = t.relnamespace
         where t.oid = i.indrelid),
       jsonb_build_object('definition', pg_get_indexdef(c.oid), 'valid', i.indisvalid::text,
       'clustered', i.indisclustered::text, 'replica identity', i.indisreplident::text,
       'options', array_to_string(c.reloptions, ', '), 'comment', {_comment("c.oid", "pg_class")})::text
  from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
 where {_USERS} and {_own("pg_class", "i.indrelid")}"""

_TRIGGERS = f"""\
select 'trigger', {_NAME} || '.' || quote_ident(t.tgname), 'pg_trigger', t.oid::text, '0', {_NAME},
       jsonb_build_object('definition', pg_get_triggerdef(t.oid), 'enabled', t.tgenabled,
       'comment', {_comment("t.oid", "pg_trigger")})::text
  from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
 where not t.tgisinternal and {_USERS} and {_own("pg_class", "c.oid")}
union all
select 'rule', {_NAME} || '.' || quote_ident(r.rulename), 'pg_rewrite', r.oid::text, '0', {_NAME},
       jsonb_build_object('definition', pg_get_ruledef(r.oid), 'enabled', r.ev_enabled,
       'comment', {_comment("r.oid", "pg_rewrite")})::text
  from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
 where r.rulename <> '_RETURN' and {_USERS} and {_own("pg_class", "c.oid")}
union all
select 'policy', {_NAME} || '.' || quote_ident(p.polname), 'pg_policy', p.oid::text, '0', {_NAME},
       jsonb_build_object('command', p.polcmd, 'permissive', p.polpermissive::text,
       'roles', (select string_agg(case when r = 0 then 'public' else pg_get_userbyid(r)::text end, ', ' order by 1)
                   from unnest(p.polroles) r),
       'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid),
       'comment', {_comment("p.oid", "pg_policy")})::text
  from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
 where {_USERS} and {_own("pg_class", "c.oid")}"""

_FUNCTIONS = f"""\
select case p.prokind when 'f' then 'function' when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
       format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), 'pg_proc', p.oid::text,
       '0', null, jsonb_build_object(
       'definition', case when p.prokind = 'a' then (select concat_ws(' ', g.aggtransfn::regproc, g.aggfinalfn::regproc,
            g.aggcombinefn::regproc, format_type(g.aggtranstype, null), g.agginitval, g.aggsortop::regoperator)
            from pg_aggregate g where g.aggfnoid = p.oid) else pg_get_functiondef(p.oid) end,
       'owner', pg_get_userbyid(p.proowner), 'acl', {_acl("p.proacl", "f", "p.proowner")},
       'comment', {_comment("p.oid", "pg_proc")})::text
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
 where {_USERS} and {_own("pg_proc", "p.oid")}"""

_TYPES = f"""\
select case t.typtype when 'e' then 'enum' when 'd' then 'domain' when 'r' then 'range' else 'type' end,
       format('%I.%I', n.nspname, t.typname), 'pg_type', t.oid::text, '0', null, jsonb_build_object(
       'owner', pg_get_userbyid(t.typowner), 'acl', {_acl("t.typacl", "T", "t.typowner")},
       'labels', case when t.typtype = 'e' then (select string_agg(quote_literal(e.enumlabel), ', '
                    order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid) end,
       'base', case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end,
       'not null', case when t.typtype = 'd' then t.typnotnull::text end, 'default', t.typdefault,
       'subtype', case when t.typtype = 'r' then (select format_type(r.rngsubtype, null) from pg_range r
                    where r.rngtypid = t.oid) end,
       'comment', {_comment("t.oid", "pg_type")})::text
  from pg_type t join pg_namespace n on n.oid = t.typnamespace
 where t.typtype in ('e', 'd', 'r') and {_USERS} and {_own("pg_type", "t.oid")}
union all
select 'enum label', format('%I.%I.%L', n.nspname, t.typname, e.enumlabel), 'pg_enum', e.oid::text, '0', null,
       jsonb_build_object('label', e.enumlabel)::text
  from pg_enum e join pg_type t on t.oid = e.enumtypid join pg_namespace n on n.oid = t.typnamespace
 where {_USERS} and {_own("pg_type", "t.oid")}
union all
select 'domain constraint', format('%I.%I.%I', n.nspname, t.typname, k.conname), 'pg_constraint', k.oid::text, '0', null,
       jsonb_build_object('definition', pg_get_constraintdef(k.oid), 'validated', k.convalidated::text)::text
  from pg_constraint k join pg_type t on t.oid = k.contypid join pg_namespace n on n.oid = t.typnamespace
 where k.contype <> 'n' and {_USERS} and {_own("pg_type", "t.oid")}"""

_REST = f"""\
select 'extension', quote_ident(e.extname), 'pg_extension', e.oid::text, '0', null,
       jsonb_build_object('version', e.extversion, 'schema', e.extnamespace::regnamespace::text)::text
  from pg_extension e
union all
select 'statistics', format('%I.%I', n.nspname, s.stxname), 'pg_statistic_ext', s.oid::text, '0', s.stxrelid::regclass::text,
       jsonb_build_object('definition', pg_get_statisticsobjdef(s.oid),
       'comment', {_comment("s.oid", "pg_statistic_ext")})::text
  from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace where {_USERS}
union all
select 'publication', quote_ident(p.pubname), 'pg_publication', p.oid::text, '0', null, jsonb_build_object(
       'owner', pg_get_userbyid(p.pubowner), 'all', p.puballtables::text,
       'does', concat(p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate),
       'tables', (select string_agg(r.prrelid::regclass::text, ', ' order by r.prrelid::regclass::text)
                    from pg_publication_rel r where r.prpubid = p.oid))::text
  from pg_publication p
union all
select 'default privileges', format('%s %s %s', pg_get_userbyid(d.defaclrole), d.defaclobjtype,
       coalesce(nullif(d.defaclnamespace, 0)::regnamespace::text, '')), 'pg_default_acl', d.oid::text, '0', null,
       jsonb_build_object('acl', array_to_string(d.defaclacl, ' '))::text
  from pg_default_acl d
union all
select 'event trigger', quote_ident(e.evtname), 'pg_event_trigger', e.oid::text, '0', null, jsonb_build_object(
       'event', e.evtevent, 'function', e.evtfoid::regproc::text, 'enabled', e.evtenabled,
       'tags', array_to_string(e.evttags, ' '))::text
  from pg_event_trigger e where {_own("pg_event_trigger", "e.oid")}
union all
select 'foreign server', quote_ident(s.srvname), 'pg_foreign_server', s.oid::text, '0', null, jsonb_build_object(
       'owner', pg_get_userbyid(s.srvowner), 'type', s.srvtype, 'version', s.srvversion,
       'options', array_to_string(s.srvoptions, ', '))::text
  from pg_foreign_server s
union all
select 'collation', format('%I.%I', n.nspname, c.collname), 'pg_collation', c.oid::text, '0', null, jsonb_build_object(
       'provider', c.collprovider, 'locale', c.collcollate, 'owner', pg_get_userbyid(c.collowner))::text
  from pg_collation c join pg_namespace n on n.oid = c.collnamespace where {_USERS} and {_own("pg_collation", "c.oid")}
union all
select 'text search configuration', format('%I.%I', n.nspname, c.cfgname), 'pg_ts_config', c.oid::text, '0', null,
       jsonb_build_object('mapping', (select string_agg(m.maptokentype || ':' || m.mapdict::regdictionary::text, ' '
          order by m.maptokentype, m.mapseqno) from pg_ts_config_map m where m.mapcfg = c.oid))::text
  from pg_ts_config c join pg_namespace n on n.oid = c.cfgnamespace where {_USERS} and {_own("pg_ts_config", "c.oid")}
union all
select 'cast', format('%s as %s', format_type(c.castsource, null), format_type(c.casttarget, null)), 'pg_cast',
       c.oid::text, '0', null, jsonb_build_object('function', c.castfunc::regprocedure::text,
       'context', c.castcontext, 'method', c.castmethod)::text
  from pg_cast c where c.oid >= 16384 and {_own("pg_cast", "c.oid")}
union all
select 'operator', format('%I.%s(%s, %s)', n.nspname, o.oprname, format_type(o.oprleft, null),
       format_type(o.oprright, null)), 'pg_operator', o.oid::text, '0', null, jsonb_build_object(
       'function', o.oprcode::regprocedure::text, 'commutator', o.oprcom::regoperator::text,
       'negator', o.oprnegate::regoperator::text)::text
  from pg_operator o join pg_namespace n on n.oid = o.oprnamespace where {_USERS} and {_own("pg_operator", "o.oid")}
union all
select 'operator class', format('%I.%I using %I', n.nspname, o.opcname, am.amname), 'pg_opclass', o.oid::text, '0', null,
       jsonb_build_object('type', format_type(o.opcintype, null), 'default', o.opcdefault::text)::text
  from pg_opclass o join pg_namespace n on n.oid = o.opcnamespace join pg_am am on am.oid = o.opcmethod
 where {_USERS} and {_own("pg_opclass", "o.oid")}
union all
select 'setting', coalesce(pg_get_userbyid(nullif(s.setrole, 0))::text, 'database'), 'pg_db_role_setting',
       s.setrole::text, '0', null, jsonb_build_object('config', array_to_string(s.setconfig, ', '))::text
  from pg_db_role_setting s where s.setdatabase = (select oid from pg_database where datname = current_database())"""

KINDS = (_SCHEMAS, _RELATIONS, _COLUMNS, _CONSTRAINTS, _INDEXES, _TRIGGERS, _FUNCTIONS, _TYPES, _REST)

# Functions of the users', with what makes them anew; a body in BEGIN ATOMIC is watched by PostgreSQL itself.
BODIES = f"""\
select format('%I.%I', n.nspname, p.proname), l.lanname,
       case when l.lanname = 'sql' then pg_get_functiondef(p.oid) end, p.prosrc
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_language l on l.oid = p.prolang
 where l.lanname in ('sql', 'plpgsql') and p.prokind <> 'a' and p.prosrc <> '' and {_USERS}
   and {_own("pg_catalog.pg_proc", "p.oid")}"""
