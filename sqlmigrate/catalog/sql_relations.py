"""The queries that read a catalog: one for each sort of object.

Each query returns one text, in half the time of rows and columns. A record of it is an object: its kind, schema,
relation and own name (quoted as needed, empty where it has none), the table that it belongs to, its OID, the number of
a column, and its attributes. Attributes with the default value are left out. Objects of the server itself have OIDs
below 16384, https://www.postgresql.org/docs/current/system-catalog-initial-data.html
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlmigrate.database.session import Request
from sqlmigrate.identifiers import literal

# What separates records and fields is random: no migration can contain it.
RECORD, FIELD = f"\x1e{secrets.token_hex(3)}", f"\x1f{secrets.token_hex(3)}"
V14, V15, V16, V17, V18 = 140000, 150000, 160000, 170000, 180000

GUARD = Request("begin isolation level repeatable read read only", quiet=True)
# Independent of the settings of the role and the database: names are qualified, times are in UTC, money is in dollars.
SETTING_VALUES: Mapping[str, str] = {
    "search_path": "pg_catalog",
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "quote_all_identifiers": "off",
    "jit": "off",
}
_SET = (f"pg_catalog.set_config('{name}', '{value}', true)" for name, value in SETTING_VALUES.items())
SETTINGS = (Request(f"select {', '.join(_SET)}", quiet=True),)  # one request takes less than one for each
# The comments of every kind of object.
COMMENTS = (
    "select classoid::regclass::text, objoid::text, objsubid::text, description from pg_description "
    "where (objoid >= 16384 or classoid = 'pg_namespace'::regclass)"
)

# The comments of what is in one schema: of the schema, of what depends on it, and of the parts of that, such as the
# index of a constraint of a table (https://www.postgresql.org/docs/current/catalog-pg-depend.html).
_COMMENTS_IN_SCHEMA = """\
with recursive of_schema as (
  select 'pg_namespace'::regclass::oid as classid, oid as objid from pg_namespace where nspname = {schema}
  union
  select d.classid, d.objid from of_schema o join pg_depend d on (d.refclassid, d.refobjid) = (o.classid, o.objid)
   where d.deptype in ('a', 'i', 'P', 'S') or o.classid = 'pg_namespace'::regclass)
select d.classoid::regclass::text, d.objoid::text, d.objsubid::text, d.description
  from of_schema o join pg_description d on (d.classoid, d.objoid) = (o.classid, o.objid)"""

_SCHEMA = "n.nspname"


# Some catalogs are those of all databases of the server. For a question in any session: all names are qualified.
THIS_DATABASE = "(select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())"


class Presence(NamedTuple):
    """How to find out whether a database has any object of a sort; see `presence`.

    Attributes:
        query: Finds a row if there is an object of the sort, or may be one; its names are qualified.
        words: A statement that creates one has one of these words, in lower case.
    """

    query: str
    words: tuple[str, ...]


def any_own(catalog: str, *words: str, oid: str = "oid") -> Presence:
    """Return how to find an object in `catalog` that is not one of the server; `words` as in `Presence`."""
    return Presence(f"select from pg_catalog.{catalog} where {oid} >= 16384", words)


@dataclass(frozen=True)
class Sort:
    """One sort of object, as expressions in SQL.

    Attributes:
        kind: what an object of this sort is
        catalog: the system catalog that it is in
        oid: its OID
        names: the names of its schema, of its relation or type, and its own
        attributes: its definition, by name
        source: what follows FROM
        where: which rows of it are objects
        sub: the number of a column
        table: the table that it belongs to
        part_of: the catalog and the OID of the relation or type that it is a part of; its own if it stands alone
        presence: how to find out whether there is any; None if every database has some
    """

    kind: str
    catalog: str
    oid: str
    names: tuple[str, str, str]
    attributes: Mapping[str, str]
    source: str
    where: str = "true"
    sub: str = "0"
    table: str = "null"
    part_of: tuple[str, str] | None = None
    presence: Presence | None = None

    @property
    def whole(self) -> tuple[str, str]:
        """The catalog and the OID of what an object is created and dropped with."""
        return self.part_of or (self.catalog, self.oid)

    @property
    def is_in_schema(self) -> bool:
        """Whether its objects are in a schema, or are schemas."""
        return self.names[0] == _SCHEMA

    def sql(self, wholes: str = "", schema: str | None = None) -> str:
        """Return the query; it leaves out the members of extensions, and what is in a schema that is such a member.

        Args:
            wholes: An array of OIDs, as an expression; then only the objects that are these, or parts of these.
            schema: A schema; then only the objects in it.
        """
        within = f" and {_SCHEMA} = {literal(schema)}" if schema is not None else ""
        if self.is_in_schema and self.catalog != "pg_namespace":
            within += f" and {own('pg_namespace', 'n.oid')}"  # an extension makes them as it works: chunks of a table
        chosen = f" and {self.whole[1]} = any ({wholes})" if wholes else ""
        names = (f"quote_ident({name})" if name != "null" and "(" not in name else name for name in self.names)
        fields = (
            self.kind,
            *(f"coalesce({field}, '')" for field in (*names, self.table)),
            self.oid,
            self.sub,
            self.whole[1],
        )
        attributes = ", ".join(f"'{name}=' || ({value})" for name, value in self.attributes.items())
        return (
            f"select string_agg(concat_ws('{FIELD}', {', '.join(fields)}, {attributes}), '{RECORD}') "
            f"from {self.source} where {self.where} and {own(self.catalog, self.oid)}{chosen}{within}"
        )


def comments(schema: str | None) -> str:
    """Return the query for the comments on the objects of a schema; of all if it is None."""
    return COMMENTS if schema is None else _COMMENTS_IN_SCHEMA.format(schema=literal(schema))


def own(catalog: str, oid: str) -> str:
    """Return the condition that leaves out the members of extensions."""
    return (
        f"{oid} not in (select objid from pg_depend where refclassid = 'pg_extension'::regclass "
        f"and deptype = 'e' and classid = '{catalog}'::regclass)"
    )


# Texts are in the same order on every machine: that of their bytes.
_ENTRIES = """string_agg(acl::text, ' ' order by acl::text collate "C")"""


def entries(column: str) -> str:
    """Return all rights in order, also where they are those by default."""
    return f"(select {_ENTRIES} from unnest({column}) acl)"


def acl(column: str, kind: str, owner: str) -> str:
    """Return the rights in order; NULL if they are those that the owner and PUBLIC have by default."""
    default = f"(select {_ENTRIES} from unnest(acldefault('{kind}', {owner})) acl)"
    return (
        f"case when {column} is not null then nullif(coalesce((select {_ENTRIES} from unnest({column}) acl), "
        f"'no rights'), {default}) end"
    )


# A changed secret is noticed, but never shown; the salt keeps it from being guessed by its hash.
_SALT = secrets.token_hex(16)
_SECRET = "pass|secret|token|key|credential"  # noqa: S105 - what names of secrets look like


def options(column: str, *, only: str = "") -> str:
    """Return the options of a foreign object as SQL, ``host 'far'``; secrets are masked, or all but those in `only`."""
    is_secret = f"opt !~* '^({only})='" if only else f"split_part(opt, '=', 1) ~* '{_SECRET}'"
    value = f"case when {is_secret} then {_hidden('opt')} else quote_literal({_VALUE.format('opt')}) end"
    option = f"quote_ident(split_part(opt, '=', 1)) || ' ' || {value}"
    return (
        f"case when {column} is not null then (select string_agg({option}, "
        f"""', ' order by opt collate "C") from unnest({column}) opt) end"""
    )


def setting(column: str) -> str:
    """Return the value of a setting, ``name=value``; a secret is masked."""
    return (
        f"case when split_part({column}, '=', 1) ~* '{_SECRET}' then {_hidden(column)} else {_VALUE.format(column)} end"
    )


_VALUE = "substr({0}, strpos({0}, '=') + 1)"


def _hidden(option: str) -> str:
    return f"'(hidden, ' || left(md5('{_SALT}' || {option}), 6) || ')'"


def storage_options(column: str) -> str:
    """Return the options of a relation or a column by name, without those of the server, which begin with ``pg_``.

    PostgreSQL 15.20 and its sister releases count in ``pg_attver`` how often a column was altered.
    """
    return (
        f"""case when {column} is not null then (select string_agg(opt, ', ' order by opt collate "C") """
        f"from unnest({column}) opt where opt !~ '^pg_') end"
    )


def words(column: str, **words: str) -> str:
    """Return the words for the letters that catalogs use."""
    cases = " ".join(f"when '{letter}' then '{word}'" for letter, word in words.items())
    return f"case {column}::text {cases} end"


def yes(column: str) -> str:
    """Return ``true`` or NULL."""
    return f"nullif({column}, false)::text"


def user(column: str) -> str:
    """Return the name of a role."""
    return f"pg_get_userbyid({column})"


def in_schema(column: str, schema: str = "n") -> str:
    """Return the join of the schema; objects of the server and temporary objects are left out."""
    return f"join pg_namespace {schema} on {schema}.oid = {column} and {schema}.nspname !~ '^pg_(toast|temp|catalog)'"


FIRES = {"O": "on", "D": "disabled", "A": "always", "R": "replica"}
ON_RELATION = f"join pg_class c on c.oid = %s {in_schema('c.relnamespace')}"
OF_RELATION = ("n.nspname", "c.relname")

_TABLESPACE = (
    "case when c.reltablespace <> 0 then (select quote_ident(ts.spcname) "
    "from pg_tablespace ts where ts.oid = c.reltablespace) end"
)


_OF_FOREIGN_TABLES: Mapping[str, str] = {
    "server": "case when c.relkind = 'f' then (select quote_ident(fs.srvname) from pg_foreign_table ft "
    "join pg_foreign_server fs on fs.oid = ft.ftserver where ft.ftrelid = c.oid) end",
    "foreign options": "case when c.relkind = 'f' then (select "
    + options("ft.ftoptions")
    + " from pg_foreign_table ft where ft.ftrelid = c.oid) end",
}


def maintains(column: str, owner: str, version: int) -> str:
    """Return ``false`` if the owner has no right to maintain, where the server has that right; rights by default: NULL.

    The letters alone do not tell whether the right was revoked, or the server is older than it.
    """
    if version < V17:
        return "null"
    return (
        f"case when {column} is not null and not exists (select from aclexplode({column}) x "
        f"where x.grantee = {owner} and x.privilege_type = 'MAINTAIN') then 'false' end"
    )


def _relations(version: int) -> Sort:
    return Sort(
        words("c.relkind", r="table", p="partitioned table", v="view", m="materialized view", f="foreign table"),
        "pg_class",
        "c.oid",
        (*OF_RELATION, "null"),
        {
            "owner": user("c.relowner"),
            "acl": acl("c.relacl", "r", "c.relowner"),
            "owner maintains": maintains("c.relacl", "c.relowner", version),
            "persistence": words("c.relpersistence", u="unlogged"),
            "access method": "case when c.relam not in (0, 2) then (select quote_ident(am.amname) from pg_am am "
            "where am.oid = c.relam) end",
            "tablespace": _TABLESPACE,
            "options": storage_options("c.reloptions"),
            "toast options": "case when c.reltoastrelid <> 0 then (select "
            + storage_options("toast.reloptions")
            + " from pg_class toast where toast.oid = c.reltoastrelid) end",
            "rls": yes("c.relrowsecurity"),
            "rls forced": yes("c.relforcerowsecurity"),
            "replica identity": "case when c.relkind in ('r', 'p', 'm') then "
            + words("c.relreplident", n="nothing", f="full", i="index")
            + " end",
            "of type": "case when c.reloftype <> 0 then format_type(c.reloftype, null) end",
            "partition key": "case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end",
            "partition bound": "case when c.relispartition then pg_get_expr(c.relpartbound, c.oid) end",
            "parents": "case when c.relkind in ('r', 'p', 'f') then (select string_agg(h.inhparent::regclass::text, "
            "', ' order by h.inhseqno) from pg_inherits h where h.inhrelid = c.oid) end",
            "view": "case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end",
            "populated": "case when c.relkind = 'm' then c.relispopulated::text end",
            **_OF_FOREIGN_TABLES,
            # of a foreign key, or of a partition's parent
            "internal triggers": "case when c.relhastriggers then (select string_agg(distinct tg.tgenabled::text, ' ') "
            "from pg_trigger tg where tg.tgrelid = c.oid and tg.tgisinternal and tg.tgconstraint <> 0 "
            "and tg.tgenabled <> 'O') end",
        },
        f"pg_class c {in_schema('c.relnamespace')}",
        "c.relkind in ('r', 'p', 'v', 'm', 'f') and c.oid >= 16384",
        table="quote_ident(n.nspname) || '.' || quote_ident(c.relname)",
    )


def _sequences() -> Sort:
    """Sequences, which belong to the table of their column; their values are not part of a schema."""
    return Sort(
        "'sequence'",
        "pg_class",
        "c.oid",
        (*OF_RELATION, "null"),
        {
            "owner": user("c.relowner"),
            "acl": acl("c.relacl", "s", "c.relowner"),
            "persistence": words("c.relpersistence", u="unlogged"),
            "type": "format_type(s.seqtypid, null)",
            "start": "s.seqstart",
            "increment": "s.seqincrement",
            "minimum": "s.seqmin",
            "maximum": "s.seqmax",
            "cache": "s.seqcache",
            "cycle": yes("s.seqcycle"),
            "owned by": "o.refobjid::regclass || '.' || (select quote_ident(a.attname) from pg_attribute a "
            "where a.attrelid = o.refobjid and a.attnum = o.refobjsubid)",
        },
        f"pg_sequence s {ON_RELATION % 's.seqrelid'} "
        "left join pg_depend o on o.classid = 'pg_class'::regclass and o.objid = s.seqrelid and o.objsubid = 0 "
        "and o.refclassid = 'pg_class'::regclass and o.deptype in ('a', 'i')",
        "s.seqrelid >= 16384",
        table="o.refobjid::regclass::text",
    )


def _columns(version: int) -> Sort:
    compression = "nullif(a.attcompression, '')" if version >= V14 else "null"
    unchecked = "select nn.conrelid, nn.conkey[1] from pg_constraint nn where nn.contype = 'n' and not nn.convalidated"
    return Sort(
        "'column'",
        "pg_class",
        "c.oid",
        (*OF_RELATION, "a.attname"),
        {
            "type": "format_type(a.atttypid, a.atttypmod)",
            "domain": "case when t.typtype = 'd' then 'true' end",
            "not null": yes("a.attnotnull"),
            "not null validated": (
                f"case when (a.attrelid, a.attnum) in ({unchecked}) then 'false' end" if version >= V18 else "null"
            ),
            "default": "case when a.atthasdef and a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end",
            "generation": "case when a.attgenerated <> '' then pg_get_expr(d.adbin, d.adrelid) end",
            "identity": words("a.attidentity", a="always", d="by default"),
            "generated": words("a.attgenerated", s="stored", v="virtual"),
            "collation": "case when a.attcollation <> t.typcollation then a.attcollation::regcollation::text end",
            "storage": "case when a.attstorage <> t.typstorage then "
            + words("a.attstorage", p="plain", e="external", m="main", x="extended")
            + " end",
            "compression": words(compression, p="pglz", l="lz4"),
            "statistics": "nullif(a.attstattarget, -1)",
            "options": storage_options("a.attoptions"),
            "foreign options": options("a.attfdwoptions"),
            "acl": acl("a.attacl", "c", "c.relowner"),
            "inherited": yes("not a.attislocal and not c.relispartition"),
        },
        f"pg_attribute a {ON_RELATION % 'a.attrelid'} join pg_type t on t.oid = a.atttypid "
        "left join pg_attrdef d on a.atthasdef and d.adrelid = a.attrelid and d.adnum = a.attnum",
        "a.attrelid >= 16384 and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f', 'c')",
        sub="a.attnum",
    )


def _constraints() -> Sort:
    """Constraints except NOT NULL, an attribute of its column; since PostgreSQL 18 it is a named constraint as well."""
    return Sort(
        "'constraint'",
        "pg_constraint",
        "k.oid",
        (*OF_RELATION, "k.conname"),
        {
            "definition": "pg_get_constraintdef(k.oid)",
            "validated": "k.convalidated::text",
            "inherited": yes("not k.conislocal and not c.relispartition"),
            "parent": "case when c.relispartition and not k.conislocal then coalesce(up.conrelid, (select h.inhparent "
            "from pg_inherits h where h.inhrelid = c.oid))::regclass || '.' || "
            "quote_ident(coalesce(up.conname, k.conname)) end",
        },
        f"pg_constraint k {ON_RELATION % 'k.conrelid'} left join pg_constraint up on up.oid = nullif(k.conparentid, 0)",
        # a foreign key to a partitioned table has such a row for each of its partitions
        f"k.contype not in ('n', 't') and k.conrelid >= 16384 and k.conrelid is distinct from up.conrelid "
        f"and {own('pg_class', 'c.oid')}",
        part_of=("pg_class", "k.conrelid"),
    )


def _indexes() -> Sort:
    return Sort(
        "'index'",
        "pg_class",
        "c.oid",
        (*OF_RELATION, "null"),
        {
            "definition": "pg_get_indexdef(c.oid)",
            "valid": "i.indisvalid::text",
            "clustered": yes("i.indisclustered"),
            "replica identity": yes("i.indisreplident"),
            "tablespace": _TABLESPACE,
            "parent": "case when c.relispartition then (select h.inhparent::regclass::text from pg_inherits h "
            "where h.inhrelid = c.oid) end",
            "statistics": "case when i.indexprs is not null then (select string_agg(a.attnum || ' ' || "
            "a.attstattarget, ', ' order by a.attnum) from pg_attribute a "
            "where a.attrelid = c.oid and a.attstattarget >= 0) end",
        },
        f"pg_index i {ON_RELATION % 'i.indexrelid'}",
        f"i.indexrelid >= 16384 and {own('pg_class', 'i.indrelid')}",
        table="i.indrelid::regclass::text",
        part_of=("pg_class", "i.indrelid"),
    )


def _triggers() -> Sort:
    """Triggers; those that a partition has from its parent only if they are enabled differently."""
    return Sort(
        "'trigger'",
        "pg_trigger",
        "t.oid",
        (*OF_RELATION, "t.tgname"),
        {
            "definition": "pg_get_triggerdef(t.oid)",
            "enabled": words("t.tgenabled", **FIRES),
            "parent": "p.tgrelid::regclass || '.' || quote_ident(p.tgname)",
        },
        f"pg_trigger t {ON_RELATION % 't.tgrelid'} left join pg_trigger p on p.oid = t.tgparentid",
        "case when t.tgparentid = 0 then not t.tgisinternal else p.tgenabled <> t.tgenabled end",
        part_of=("pg_class", "t.tgrelid"),
        presence=Presence(
            "select from pg_catalog.pg_trigger where not tgisinternal or tgparentid <> 0", ("trigger", "partition")
        ),
    )


def _rules() -> Sort:
    return Sort(
        "'rule'",
        "pg_rewrite",
        "r.oid",
        (*OF_RELATION, "r.rulename"),
        {"definition": "pg_get_ruledef(r.oid)", "enabled": words("r.ev_enabled", **FIRES)},
        f"pg_rewrite r {ON_RELATION % 'r.ev_class'}",
        "r.oid >= 16384 and r.rulename <> '_RETURN'",
        part_of=("pg_class", "r.ev_class"),
        presence=Presence("select from pg_catalog.pg_rewrite where oid >= 16384 and rulename <> '_RETURN'", ("rule",)),
    )


def _policies() -> Sort:
    return Sort(
        "'policy'",
        "pg_policy",
        "p.oid",
        (*OF_RELATION, "p.polname"),
        {
            "command": words("p.polcmd", r="select", a="insert", w="update", d="delete", **{"*": "all"}),
            "permissive": "p.polpermissive::text",
            "roles": "(select string_agg(case when r = 0 then 'public' else quote_ident(pg_get_userbyid(r)) end, ', ' "
            "order by pg_get_userbyid(r)) from unnest(p.polroles) r)",
            "using": "pg_get_expr(p.polqual, p.polrelid)",
            "check": "pg_get_expr(p.polwithcheck, p.polrelid)",
        },
        f"pg_policy p {ON_RELATION % 'p.polrelid'}",
        part_of=("pg_class", "p.polrelid"),
        presence=Presence("select from pg_catalog.pg_policy", ("policy",)),
    )


def _statistics() -> Sort:
    return Sort(
        "'statistics'",
        "pg_statistic_ext",
        "s.oid",
        ("n.nspname", "null", "s.stxname"),
        {
            "definition": "pg_get_statisticsobjdef(s.oid)",
            "target": "nullif(s.stxstattarget, -1)",
            "owner": user("s.stxowner"),
        },
        f"pg_statistic_ext s {in_schema('s.stxnamespace')}",
        table="s.stxrelid::regclass::text",
        part_of=("pg_class", "s.stxrelid"),
        presence=Presence("select from pg_catalog.pg_statistic_ext", ("statistics",)),
    )


def of_relations(version: int) -> tuple[Sort, ...]:
    """Return the sorts of object that relations consist of."""
    return (
        _relations(version),
        _sequences(),
        _columns(version),
        _constraints(),
        _indexes(),
        _triggers(),
        _rules(),
        _policies(),
        _statistics(),
    )
