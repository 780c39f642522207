"""The queries for schemas, functions, types, and the database as a whole.

https://www.postgresql.org/docs/current/catalogs.html
"""

from __future__ import annotations

from functools import lru_cache

from .sql_clauses import clauses, flag, function, operator
from .sql_rare import rare
from .sql_relations import (
    FIRES,
    THIS_DATABASE,
    V14,
    V15,
    V18,
    Presence,
    Sort,
    acl,
    any_own,
    entries,
    in_schema,
    maintains,
    of_relations,
    own,
    setting,
    user,
    words,
    yes,
)


@lru_cache
def sorts(version: int) -> tuple[Sort, ...]:
    """Return every sort of object that a server of this version (``180004``) has."""
    return (
        _schemas(),
        *of_relations(version),
        _functions(),
        _aggregates(),
        *_types(version),
        _publications(version),
        *_database(),
        _default_privileges(version),
        *_events_and_methods(),
        *rare(version),
    )


def _schemas() -> Sort:
    return Sort(
        "'schema'",
        "pg_namespace",
        "n.oid",
        ("n.nspname", "null", "null"),
        {"owner": user("n.nspowner"), "acl": acl("n.nspacl", "n", "n.nspowner")},
        "pg_namespace n",
        "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'",
    )


# As DROP FUNCTION expects it: types of the arguments, without their names.
_SIGNATURE = "quote_ident(p.proname) || '(' || oidvectortypes(p.proargtypes) || ')'"


def _functions() -> Sort:
    return Sort(
        words("p.prokind", f="function", p="procedure", w="function"),
        "pg_proc",
        "p.oid",
        ("n.nspname", "null", _SIGNATURE),
        {
            "definition": "pg_get_functiondef(p.oid)",
            "owner": user("p.proowner"),
            "acl": acl("p.proacl", "f", "p.proowner"),
        },
        f"pg_proc p {in_schema('p.pronamespace')}",
        "p.oid >= 16384 and p.prokind <> 'a' and p.prosrc !~ '^(multi)?range_constructor'",  # of range types
        presence=any_own("pg_proc", "function", "procedure", "aggregate", "range"),
    )


def _aggregates() -> Sort:
    arguments = "coalesce(nullif(pg_get_function_arguments(p.oid), ''), '*')"
    head = f"format(E'CREATE OR REPLACE AGGREGATE %I.%I(%s) (\\n    ', n.nspname, p.proname, {arguments})"
    return Sort(
        "'aggregate'",
        "pg_proc",
        "p.oid",
        ("n.nspname", "null", _SIGNATURE),
        {
            "definition": f"{head} || concat_ws(E',\\n    ', {_AGGREGATED}) || E'\\n)'",
            "owner": user("p.proowner"),
            "acl": acl("p.proacl", "f", "p.proowner"),
        },
        f"pg_proc p {in_schema('p.pronamespace')} join pg_aggregate a on a.aggfnoid = p.oid",
        "p.oid >= 16384",
        presence=any_own("pg_aggregate", "aggregate", oid="aggfnoid"),
    )


def _modifies(column: str) -> str:
    """Return whether a final function changes its state; the default depends on the kind of the aggregate."""
    word = words(column, r="READ_ONLY", s="SHAREABLE", w="READ_WRITE")
    return f"nullif({word}, case a.aggkind when 'n' then 'READ_ONLY' else 'READ_WRITE' end)"


_BETWEEN = "E',\\n    '"
# https://www.postgresql.org/docs/current/sql-createaggregate.html
_AGGREGATED = ", ".join(
    (
        clauses(
            {
                "SFUNC": function("a.aggtransfn"),
                "STYPE": "format_type(a.aggtranstype, null)",
                "SSPACE": "nullif(a.aggtransspace, 0)",
                "FINALFUNC": function("a.aggfinalfn"),
            },
            _BETWEEN,
        ),
        flag("FINALFUNC_EXTRA", "a.aggfinalextra"),
        clauses(
            {
                "FINALFUNC_MODIFY": f"case when a.aggfinalfn::oid <> 0 then {_modifies('a.aggfinalmodify')} end",
                "COMBINEFUNC": function("a.aggcombinefn"),
                "SERIALFUNC": function("a.aggserialfn"),
                "DESERIALFUNC": function("a.aggdeserialfn"),
                "INITCOND": "quote_literal(a.agginitval)",
                "MSFUNC": function("a.aggmtransfn"),
                "MINVFUNC": function("a.aggminvtransfn"),
                "MSTYPE": "format_type(nullif(a.aggmtranstype, 0), null)",
                "MSSPACE": "nullif(a.aggmtransspace, 0)",
                "MFINALFUNC": function("a.aggmfinalfn"),
            },
            _BETWEEN,
        ),
        flag("MFINALFUNC_EXTRA", "a.aggmfinalextra"),
        clauses(
            {
                "MFINALFUNC_MODIFY": f"case when a.aggmfinalfn::oid <> 0 then {_modifies('a.aggmfinalmodify')} end",
                "MINITCOND": "quote_literal(a.aggminitval)",
                "SORTOP": operator("a.aggsortop"),
                "PARALLEL": words("p.proparallel", s="SAFE", r="RESTRICTED"),
            },
            _BETWEEN,
        ),
        flag("HYPOTHETICAL", "a.aggkind = 'h'"),
    )
)


# Each table has a type, and an array of it. Those of composite types are found by their relation.
_TYPES = Presence(
    "select from pg_catalog.pg_type where oid >= 16384 and (typtype in ('e', 'd', 'r', 'p') "
    "or typtype = 'b' and typcategory <> 'A') "
    "union all select from pg_catalog.pg_class where oid >= 16384 and relkind = 'c'",
    ("type", "domain"),
)


def _types(version: int) -> tuple[Sort, ...]:
    schema = in_schema("t.typnamespace")
    collation = "nullif(t.typcollation, (select b.typcollation from pg_type b where b.oid = t.typbasetype))"
    return (
        Sort(
            words("t.typtype", e="enum", d="domain", r="range", c="composite type", b="type", p="type"),
            "pg_type",
            "t.oid",
            ("n.nspname", "t.typname", "null"),
            {
                "owner": user("t.typowner"),
                "acl": acl("t.typacl", "T", "t.typowner"),
                "labels": "case when t.typtype = 'e' then (select string_agg(quote_literal(e.enumlabel), ', ' "
                "order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid) end",
                "base": "case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end",
                "not null": yes("t.typnotnull"),
                "default": "coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault)",
                "collation": f"case when t.typtype = 'd' then {collation}::regcollation::text end",
                "range": f"case when t.typtype = 'r' then (select {_range(version)} from pg_range r "
                "join pg_opclass o on o.oid = r.rngsubopc join pg_type sub on sub.oid = r.rngsubtype "
                "where r.rngtypid = t.oid) end",
                "storage": f"case when t.typtype = 'b' then {_storage(version)} end",
            },
            f"pg_type t {schema}",
            "t.oid >= 16384 and (t.typtype in ('e', 'd', 'r', 'p') or t.typtype = 'b' and t.typcategory <> 'A' or "
            "t.typtype = 'c' and exists (select from pg_class c where c.oid = t.typrelid and c.relkind = 'c'))",
            presence=_TYPES,
        ),
        *_parts_of_types(schema),
    )


def _range(version: int) -> str:
    """Return what CREATE TYPE says of a range (https://www.postgresql.org/docs/current/sql-createtype.html)."""
    usual = "case when t.typname ~ 'range' then regexp_replace(t.typname, 'range', 'multirange') "
    usual += "else t.typname || '_multirange' end"
    multirange = (
        "(select nullif(format('%I.%I', mn.nspname, m.typname), format('%I.%I', n.nspname, "
        f"{usual})) from pg_type m join pg_namespace mn on mn.oid = m.typnamespace where m.oid = r.rngmultitypid)"
    )
    return clauses(
        {
            "SUBTYPE": "format_type(r.rngsubtype, null)",
            "SUBTYPE_OPCLASS": "(select format('%I.%I', opn.nspname, o.opcname) from pg_namespace opn "
            "where opn.oid = o.opcnamespace and not o.opcdefault)",
            "COLLATION": "nullif(nullif(r.rngcollation, 0), sub.typcollation)::regcollation::text",
            "CANONICAL": function("r.rngcanonical"),
            "SUBTYPE_DIFF": function("r.rngsubdiff"),
            "MULTIRANGE_TYPE_NAME": multirange if version >= V14 else "null",
        }
    )


def _storage(version: int) -> str:
    """Return what CREATE TYPE says of a base type, except its default."""
    alignment = words("t.typalign", c="char", s="int2", d="double")
    internal = flag("PASSEDBYVALUE", "t.typbyval") + ", " + flag("COLLATABLE", "t.typcollation <> 0")
    internal += ", " + flag("PREFERRED", "t.typispreferred").replace("'PREFERRED'", "'PREFERRED = true'")
    return f"concat_ws(', ', {_base_type(version, alignment)}, {internal})"


def _base_type(version: int, alignment: str) -> str:
    return clauses(
        {
            "INPUT": function("t.typinput"),
            "OUTPUT": function("t.typoutput"),
            "RECEIVE": function("t.typreceive"),
            "SEND": function("t.typsend"),
            "TYPMOD_IN": function("t.typmodin"),
            "TYPMOD_OUT": function("t.typmodout"),
            "ANALYZE": function("t.typanalyze"),
            "SUBSCRIPT": function("t.typsubscript") if version >= V14 else "null",
            "INTERNALLENGTH": "case when t.typlen < 0 then 'VARIABLE' else t.typlen::text end",
            "ALIGNMENT": alignment,
            "STORAGE": words("t.typstorage", e="external", m="main", x="extended"),
            "CATEGORY": "quote_literal(nullif(t.typcategory::text, 'U'))",
            "ELEMENT": "case when t.typelem <> 0 then format_type(t.typelem, null) end",
            "DELIMITER": "quote_literal(nullif(t.typdelim::text, ','))",
        }
    )


def _parts_of_types(schema: str) -> tuple[Sort, ...]:
    """Return the labels of enums and the constraints of domains; `schema` joins the schema of the type."""
    return (
        Sort(
            "'enum label'",
            "pg_enum",
            "e.oid",
            ("n.nspname", "t.typname", "quote_literal(e.enumlabel)"),
            {"label": "e.enumlabel"},
            f"pg_enum e join pg_type t on t.oid = e.enumtypid {schema}",
            f"{own('pg_type', 't.oid')}",
            part_of=("pg_type", "e.enumtypid"),
            presence=_TYPES,
        ),
        Sort(
            "'domain constraint'",
            "pg_constraint",
            "k.oid",
            ("n.nspname", "t.typname", "k.conname"),
            {"definition": "pg_get_constraintdef(k.oid)", "validated": "k.convalidated::text"},
            f"pg_constraint k join pg_type t on t.oid = k.contypid {schema}",
            f"k.contype <> 'n' and k.contypid >= 16384 and {own('pg_type', 't.oid')}",
            part_of=("pg_type", "k.contypid"),
            presence=_TYPES,
        ),
    )


_CONDITION = "regexp_replace(pg_get_expr(r.prqual, r.prrelid), '^([^(].*|.*[^)])$', '(\\1)')"  # within brackets


def _publications(version: int) -> Sort:
    table = "r.prrelid::regclass::text"
    schemas = "null"
    if version >= V15:
        table += (
            " || coalesce(' (' || (select string_agg(quote_ident(a.attname), ', ' order by a.attnum) "
            "from pg_attribute a where a.attrelid = r.prrelid and a.attnum = any(r.prattrs::int2[])) || ')', '')"
            f" || coalesce(' WHERE ' || {_CONDITION}, '')"
        )
        schemas = (
            "(select string_agg(s.pnnspid::regnamespace::text, ', ' order by s.pnnspid::regnamespace::text "
            """collate "C") from pg_publication_namespace s where s.pnpubid = p.oid)"""
        )
    return Sort(
        "'publication'",
        "pg_publication",
        "p.oid",
        ("null", "null", "p.pubname"),
        {
            "owner": user("p.pubowner"),
            "all tables": yes("p.puballtables"),
            "publishes": "concat_ws(', ', case when p.pubinsert then 'insert' end, case when p.pubupdate then 'update' "
            "end, case when p.pubdelete then 'delete' end, case when p.pubtruncate then 'truncate' end)",
            "via root": yes("p.pubviaroot"),
            "generated columns": words("p.pubgencols", s="stored") if version >= V18 else "null",
            "tables": f"""(select string_agg({table}, ', ' order by r.prrelid::regclass::text collate "C") """
            "from pg_publication_rel r where r.prpubid = p.oid)",
            "schemas": schemas,
        },
        "pg_publication p",
        presence=Presence("select from pg_catalog.pg_publication", ("publication",)),
    )


def _database() -> tuple[Sort, ...]:
    """Return the database, its parameters (each an object of its own) and its extensions."""
    return (
        Sort(
            "'database'",
            "pg_database",
            "d.oid",
            ("null", "null", "quote_literal('current')"),
            {
                "owner": user("d.datdba"),
                "acl": acl("d.datacl", "d", "d.datdba"),
                "connection limit": "nullif(d.datconnlimit, -1)",
                "comment": "shobj_description(d.oid, 'pg_database')",
            },
            "pg_database d",
            "d.datname = current_database()",
        ),
        Sort(
            "'setting'",
            "pg_db_role_setting",
            "s.setrole",
            ("null", "null", "concat_ws(' for ', split_part(c, '=', 1), pg_get_userbyid(nullif(s.setrole, 0)))"),
            {
                "value": setting("c"),
                "parameter": "split_part(c, '=', 1)",
                "role": f"quote_ident({user('nullif(s.setrole, 0)')})",
            },
            "pg_db_role_setting s cross join unnest(s.setconfig) c",
            "s.setdatabase = (select d.oid from pg_database d where d.datname = current_database())",
            sub="hashtext(split_part(c, '=', 1))",
            presence=Presence(
                f"select from pg_catalog.pg_db_role_setting where setdatabase = {THIS_DATABASE}", ("database",)
            ),
        ),
        Sort(
            "'extension'",
            "pg_extension",
            "e.oid",
            ("null", "null", "e.extname"),
            {"version": "e.extversion", "schema": "e.extnamespace::regnamespace::text"},
            "pg_extension e",
        ),
    )


def _default_privileges(version: int) -> Sort:
    in_one = "'in ' || nullif(d.defaclnamespace, 0)::regnamespace::text"
    of_tables = maintains("d.defaclacl", "d.defaclrole", version)
    maintained = f"case when d.defaclobjtype = 'r' and d.defaclnamespace = 0 then {of_tables} end"
    acl_kind = words(
        "d.defaclobjtype", r="tables", S="sequences", f="functions", T="types", n="schemas", L="large objects"
    )
    return Sort(
        "'default privileges'",
        "pg_default_acl",
        "d.oid",
        (
            "null",
            "null",
            f"concat_ws(' ', {acl_kind}, 'of', pg_get_userbyid(d.defaclrole), {in_one})",
        ),
        {
            "on": acl_kind,
            "role": user("d.defaclrole"),
            "schema": "nullif(d.defaclnamespace, 0)::regnamespace::text",
            "acl": entries("d.defaclacl"),
            "owner maintains": maintained,
        },
        "pg_default_acl d",
        presence=Presence("select from pg_catalog.pg_default_acl", ("privileges",)),
    )


def _events_and_methods() -> tuple[Sort, ...]:
    """Return the other sorts that are in no schema."""
    return (
        Sort(
            "'event trigger'",
            "pg_event_trigger",
            "e.oid",
            ("null", "null", "e.evtname"),
            {
                "event": "e.evtevent",
                "function": "e.evtfoid::regprocedure::text",
                "enabled": words("e.evtenabled", **FIRES),
                "tags": "(select string_agg(quote_literal(tag), ', ' order by number) "
                "from unnest(e.evttags) with ordinality x (tag, number))",
                "owner": user("e.evtowner"),
            },
            "pg_event_trigger e",
            presence=Presence("select from pg_catalog.pg_event_trigger", ("event",)),
        ),
        Sort(
            "'access method'",
            "pg_am",
            "a.oid",
            ("null", "null", "a.amname"),
            {"handler": "a.amhandler::text", "type": words("a.amtype", t="table", i="index")},
            "pg_am a",
            "a.oid >= 16384",
            presence=any_own("pg_am", "method"),
        ),
    )


# The users' functions whose bodies are text, as JSON: their definitions, their parameters, and the tables whose
# triggers call them. PostgreSQL itself tracks what a body in BEGIN ATOMIC uses.
BODIES = f"""\
select json_agg(json_build_object(
           'name', n.nspname || '.' || {_SIGNATURE},
           'own', p.proname,
           'oid', p.oid::text,
           'language', l.lanname,
           'definition', pg_get_functiondef(p.oid),
           'source', p.prosrc,
           'result', pg_get_function_result(p.oid),
           'names', coalesce(to_json(p.proargnames), '[]'),
           'types', (select coalesce(json_agg(format_type(a.type, null) order by a.number), '[]')
                       from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality a (type, number)),
           'modes', coalesce(to_json(p.proargmodes::text[]),
                             to_json(array_fill('i'::text, array[cardinality(p.proargtypes::oid[])]))),
           'settings', to_json(p.proconfig),
           'triggers', (select coalesce(json_agg(json_build_object(
                                   'table', t.relname, 'type', format_type(t.reltype, null),
                                   'new', g.tgnewtable, 'old', g.tgoldtable) order by t.oid, g.oid), '[]')
                          from pg_trigger g join pg_class t on t.oid = g.tgrelid
                         where g.tgfoid = p.oid and g.tgparentid = 0)
       ) order by n.nspname, {_SIGNATURE})::text
  from pg_proc p {in_schema("p.pronamespace")} join pg_language l on l.oid = p.prolang
 where l.lanname in ('sql', 'plpgsql') and p.prokind <> 'a' and p.prosrc <> '' and p.oid >= 16384
   and {own("pg_proc", "p.oid")}"""
