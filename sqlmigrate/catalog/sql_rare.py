"""The queries for the objects that few databases have: foreign servers, text search, operators, casts.

https://www.postgresql.org/docs/current/catalogs.html
"""

from __future__ import annotations

from .sql_clauses import clauses, function, operator
from .sql_relations import (
    THIS_DATABASE,
    V14,
    V15,
    V16,
    V17,
    Presence,
    Sort,
    acl,
    any_own,
    in_schema,
    options,
    own,
    user,
    words,
    yes,
)

UNSEEN = "(not visible)"  # the value of an attribute that our role may not see
# As the view pg_user_mappings decides it, https://www.postgresql.org/docs/current/view-pg-user-mappings.html
_SEES_OPTIONS = (
    "(m.umuser <> 0 and m.usename = current_user and (pg_has_role(s.srvowner, 'USAGE') "
    "or has_server_privilege(s.oid, 'USAGE')) or m.umuser = 0 and pg_has_role(s.srvowner, 'USAGE') "
    "or (select r.rolsuper from pg_roles r where r.rolname = current_user))"
)


def rare(version: int) -> tuple[Sort, ...]:
    """Return the sorts of object that few databases have."""
    return (
        *_foreign(),
        *([_subscriptions()] if version >= V14 else []),
        _collations(version),
        *_search(),
        *_operators(),
        _operator_families(),
        _casts(),
        _conversions(),
        _languages(),
    )


# A role may not read the table of user mappings; each has a server.
_SERVERS = Presence("select from pg_catalog.pg_foreign_server", ("server", "mapping"))


def _foreign() -> tuple[Sort, ...]:
    """Return the sorts that lead to other servers; a role sees the options of the user mappings that it may use."""
    mapped = options("m.umoptions", only="user|username")
    return (
        Sort(
            "'foreign data wrapper'",
            "pg_foreign_data_wrapper",
            "w.oid",
            ("null", "null", "w.fdwname"),
            {
                "owner": user("w.fdwowner"),
                "acl": acl("w.fdwacl", "F", "w.fdwowner"),
                "handler": "nullif(w.fdwhandler, 0)::regproc::text",
                "validator": "nullif(w.fdwvalidator, 0)::regproc::text",
                "options": options("w.fdwoptions"),
            },
            "pg_foreign_data_wrapper w",
            presence=Presence("select from pg_catalog.pg_foreign_data_wrapper", ("wrapper",)),
        ),
        Sort(
            "'foreign server'",
            "pg_foreign_server",
            "s.oid",
            ("null", "null", "s.srvname"),
            {
                "owner": user("s.srvowner"),
                "acl": acl("s.srvacl", "S", "s.srvowner"),
                "wrapper": "(select quote_ident(w.fdwname) from pg_foreign_data_wrapper w where w.oid = s.srvfdw)",
                "type": "s.srvtype",
                "version": "s.srvversion",
                "options": options("s.srvoptions"),
            },
            "pg_foreign_server s",
            presence=_SERVERS,
        ),
        Sort(
            "'user mapping'",
            "pg_user_mapping",
            "m.umid",
            ("null", "null", "concat(quote_ident(m.usename), ' on ', quote_ident(m.srvname))"),
            {
                "role": "case when m.usename = 'public' then 'PUBLIC' else quote_ident(m.usename) end",
                "server": "quote_ident(m.srvname)",
                "options": f"case when {_SEES_OPTIONS} then {mapped} else '{UNSEEN}' end",
            },
            "pg_user_mappings m join pg_foreign_server s on s.oid = m.srvid",
            presence=_SERVERS,
        ),
    )


def _subscriptions() -> Sort:
    """Subscriptions without their connection, which only superusers see; before 14 not even the OIDs are public."""
    return Sort(
        "'subscription'",
        "pg_subscription",
        "s.oid",
        ("null", "null", "s.subname"),
        {
            "owner": user("s.subowner"),
            "enabled": yes("s.subenabled"),
            "publications": "array_to_string(s.subpublications, ', ')",
            "slot": "s.subslotname",
            "synchronous commit": "nullif(s.subsynccommit, 'off')",
        },
        "pg_subscription s",
        "s.subdbid = (select d.oid from pg_database d where d.datname = current_database())",
        presence=Presence(f"select from pg_catalog.pg_subscription where subdbid = {THIS_DATABASE}", ("subscription",)),
    )


def _collations(version: int) -> Sort:
    rules = "c.collicurules" if version >= V16 else "null"
    return Sort(
        "'collation'",
        "pg_collation",
        "c.oid",
        ("n.nspname", "null", "c.collname"),
        {
            "provider": words("c.collprovider", c="libc", i="icu", b="builtin", d="default"),
            "locale": clauses({**_locale(version), "RULES": f"quote_literal({rules})"}),
            "deterministic": "c.collisdeterministic::text",
            "owner": user("c.collowner"),
        },
        f"pg_collation c {in_schema('c.collnamespace')}",
        "c.oid >= 16384",
        presence=any_own("pg_collation", "collation"),
    )


def _search() -> tuple[Sort, ...]:
    return (
        Sort(
            "'text search configuration'",
            "pg_ts_config",
            "c.oid",
            ("n.nspname", "null", "c.cfgname"),
            {
                "parser": "(select format('%I.%I', pn.nspname, p.prsname) from pg_ts_parser p join pg_namespace pn "
                "on pn.oid = p.prsnamespace where p.oid = c.cfgparser)",
                "mapping": "(select string_agg(concat((select t.alias from ts_token_type(c.cfgparser) t where "
                "t.tokid = m.maptokentype), ' ', m.mapdict::regdictionary), ', ' order by m.maptokentype, m.mapseqno) "
                "from pg_ts_config_map m where m.mapcfg = c.oid)",
                "owner": user("c.cfgowner"),
            },
            f"pg_ts_config c {in_schema('c.cfgnamespace')}",
            "c.oid >= 16384",
            presence=any_own("pg_ts_config", "search"),
        ),
        Sort(
            "'text search dictionary'",
            "pg_ts_dict",
            "d.oid",
            ("n.nspname", "null", "d.dictname"),
            {
                "template": "(select format('%I.%I', tn.nspname, t.tmplname) from pg_ts_template t "
                "join pg_namespace tn on tn.oid = t.tmplnamespace where t.oid = d.dicttemplate)",
                "options": "d.dictinitoption",
                "owner": user("d.dictowner"),
            },
            f"pg_ts_dict d {in_schema('d.dictnamespace')}",
            "d.oid >= 16384",
            presence=any_own("pg_ts_dict", "search"),
        ),
    )


def _locale(version: int) -> dict[str, str]:
    """Return the locale of a collation; LOCALE stands for LC_COLLATE and LC_CTYPE where they are the same."""
    locale = "c.colllocale" if version >= V17 else "c.colliculocale" if version >= V15 else "null"
    is_one = "c.collcollate is not distinct from c.collctype"
    return {
        "LOCALE": f"quote_literal(coalesce({locale}, case when {is_one} then c.collcollate end))",
        "LC_COLLATE": f"case when not ({is_one}) then quote_literal(c.collcollate) end",
        "LC_CTYPE": f"case when not ({is_one}) then quote_literal(c.collctype) end",
    }


def _operators() -> tuple[Sort, ...]:
    left = "format_type(nullif(o.oprleft, 0), null)"
    return (
        Sort(
            "'operator'",
            "pg_operator",
            "o.oid",
            (
                "n.nspname",
                "null",
                f"format('%s(%s, %s)', o.oprname, {left}, format_type(o.oprright, null))",
            ),
            {
                "owner": user("o.oprowner"),
                "function": function("o.oprcode"),
                "left": left,
                "right": "format_type(nullif(o.oprright, 0), null)",
                "commutator": operator("o.oprcom"),
                "negator": operator("o.oprnegate"),
                "estimates": clauses({"RESTRICT": function("o.oprrest"), "JOIN": function("o.oprjoin")}),
                "joins": "nullif(concat_ws(', ', case when o.oprcanhash then 'HASHES' end, "
                "case when o.oprcanmerge then 'MERGES' end), '')",
            },
            f"pg_operator o {in_schema('o.oprnamespace')}",
            "o.oid >= 16384",
            presence=any_own("pg_operator", "operator"),
        ),
        Sort(
            "'operator class'",
            "pg_opclass",
            "o.oid",
            ("n.nspname", "null", "format('%I using %I', o.opcname, am.amname)"),
            {
                "owner": user("o.opcowner"),
                "method": "quote_ident(am.amname)",
                "type": "format_type(o.opcintype, null)",
                "default": yes("o.opcdefault"),
                "stores": "case when o.opckeytype <> 0 then format_type(o.opckeytype, null) end",
                "family": "(select format('%I.%I', fn.nspname, f.opfname) from pg_opfamily f join pg_namespace fn on "
                "fn.oid = f.opfnamespace where f.oid = o.opcfamily)",
                # a family of the server, or of an extension, is not an object
                "holds": f"case when not (o.opcfamily >= 16384 and {own('pg_opfamily', 'o.opcfamily')}) "
                f"then {_members('o.opcfamily', 'o.opcintype')} end",
            },
            f"pg_opclass o {in_schema('o.opcnamespace')} join pg_am am on am.oid = o.opcmethod",
            "o.oid >= 16384",
            presence=any_own("pg_opclass", "operator"),
        ),
    )


_BETWEEN = "E',\\n    '"


def _operator_families() -> Sort:
    """Operator families, with what their classes hold."""
    return Sort(
        "'operator family'",
        "pg_opfamily",
        "f.oid",
        ("n.nspname", "null", "format('%I using %I', f.opfname, am.amname)"),
        {"owner": user("f.opfowner"), "method": "quote_ident(am.amname)", "holds": _members("f.oid")},
        f"pg_opfamily f {in_schema('f.opfnamespace')} join pg_am am on am.oid = f.opfmethod",
        "f.oid >= 16384",
        presence=any_own("pg_opfamily", "operator"),
    )


def _members(family: str, of_type: str = "") -> str:
    """Return the operators and functions of a family, or those of them that are for one type alone."""
    operator_type = f"and (m.amoplefttype, m.amoprighttype) = ({of_type}, {of_type})" if of_type else ""
    function_type = f"and (m.amproclefttype, m.amprocrighttype) = ({of_type}, {of_type})" if of_type else ""
    sorted_by = (
        "(select format(' FOR ORDER BY %I.%I', sn.nspname, s.opfname) from pg_opfamily s "
        "join pg_namespace sn on sn.oid = s.opfnamespace where s.oid = m.amopsortfamily)"
    )
    operators = (
        f"select string_agg(concat('OPERATOR ', m.amopstrategy, ' ', m.amopopr::regoperator, {sorted_by}), {_BETWEEN} "
        f'order by m.amopstrategy, m.amopopr::regoperator::text collate "C") '
        f"from pg_amop m where m.amopfamily = {family} {operator_type}"
    )
    functions = (
        "select string_agg(format('FUNCTION %s (%s, %s) %s', m.amprocnum, format_type(m.amproclefttype, null), "
        f"format_type(m.amprocrighttype, null), m.amproc::regprocedure), {_BETWEEN} order by m.amprocnum, "
        'format_type(m.amproclefttype, null) collate "C", format_type(m.amprocrighttype, null) collate "C") '
        f"from pg_amproc m where m.amprocfamily = {family} {function_type}"
    )
    return f"concat_ws({_BETWEEN}, ({operators}), ({functions}))"


def _casts() -> Sort:
    return Sort(
        "'cast'",
        "pg_cast",
        "c.oid",
        ("null", "null", "format('%s as %s', format_type(c.castsource, null), format_type(c.casttarget, null))"),
        {
            "source": "format_type(c.castsource, null)",
            "target": "format_type(c.casttarget, null)",
            "function": "nullif(c.castfunc, 0)::regprocedure::text",
            "context": words("c.castcontext", e="explicit", a="assignment", i="implicit"),
            "method": words("c.castmethod", f="function", i="inout", b="binary"),
        },
        "pg_cast c",
        "c.oid >= 16384 and not exists (select from pg_depend x where x.classid = 'pg_cast'::regclass "
        "and x.objid = c.oid and x.deptype = 'i')",  # a range type creates those
        presence=any_own("pg_cast", "cast", "range"),
    )


def _conversions() -> Sort:
    return Sort(
        "'conversion'",
        "pg_conversion",
        "c.oid",
        ("n.nspname", "null", "c.conname"),
        {
            "owner": user("c.conowner"),
            "source": "pg_encoding_to_char(c.conforencoding)",
            "target": "pg_encoding_to_char(c.contoencoding)",
            "function": function("c.conproc"),
            "default": yes("c.condefault"),
        },
        f"pg_conversion c {in_schema('c.connamespace')}",
        "c.oid >= 16384",
        presence=any_own("pg_conversion", "conversion"),
    )


def _languages() -> Sort:
    return Sort(
        "'language'",
        "pg_language",
        "l.oid",
        ("null", "null", "l.lanname"),
        {
            "owner": user("l.lanowner"),
            "acl": acl("l.lanacl", "l", "l.lanowner"),
            "trusted": yes("l.lanpltrusted"),
            "handler": function("l.lanplcallfoid"),
            "inline": function("l.laninline"),
            "validator": function("l.lanvalidator"),
        },
        "pg_language l",
        "l.lanispl",
    )
