"""Reads which objects of a database need which others, as PostgreSQL tracks it in ``pg_depend``.

Objects are named as in a catalog, by `Identity`. What the tracked objects are parts of takes their place where a
catalog has no such object: an array type stands for its elements, a row type for its table, a member of an extension
for the extension. The default of a column has an identity of its own, in ``pg_attrdef``.

https://www.postgresql.org/docs/current/catalog-pg-depend.html
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlmigrate.database.session import Request, Session

from .objects import Identity
from .sql_relations import V14

Needs = Mapping[Identity, frozenset[Identity]]
Rows = list[list[str | None]]

_MEMBERS = """\
select classid::pg_catalog.regclass::text, objid::text, refobjid::text from pg_catalog.pg_depend
 where refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and deptype = 'e'"""


def _type(oid: str, version: int) -> str:
    """Return what a type stands for, as an array of catalog and OID: its elements, its table, its range, or itself."""
    ranges = f"(select r.rngtypid from pg_catalog.pg_range r where r.rngmultitypid = {oid})"
    of_range = f"when t.typtype = 'm' then array['pg_type', {ranges}::text]" if version >= V14 else ""
    return (
        "(select case when t.typrelid <> 0 and c.relkind <> 'c' then array['pg_class', t.typrelid::text] "
        "when t.typelem <> 0 and t.typcategory = 'A' then (select case when et.typrelid <> 0 and ec.relkind <> 'c' "
        "then array['pg_class', et.typrelid::text] else array['pg_type', et.oid::text] end from pg_catalog.pg_type et "
        "left join pg_catalog.pg_class ec on ec.oid = et.typrelid where et.oid = t.typelem) "
        f"{of_range} else array['pg_type', t.oid::text] end "
        "from pg_catalog.pg_type t left join pg_catalog.pg_class c on c.oid = t.typrelid "
        f"where t.oid = {oid})"
    )


def _whole(catalog: str, oid: str, version: int) -> str:
    """Return what stands for an object of a catalog, as an array of catalog and OID."""
    return (
        f"case {catalog} when 'pg_type'::regclass then {_type(oid, version)} "
        f"when 'pg_rewrite'::regclass then (select case when w.rulename = '_RETURN' "
        f"then array['pg_class', w.ev_class::text] else array['pg_rewrite', w.oid::text] end "
        f"from pg_catalog.pg_rewrite w where w.oid = {oid}) "
        f"when 'pg_class'::regclass then (select case when c.relkind = 'c' then array['pg_type', c.reltype::text] "
        f"else array['pg_class', c.oid::text] end from pg_catalog.pg_class c where c.oid = {oid}) "
        f"when 'pg_amop'::regclass then (select array['pg_opfamily', o.amopfamily::text] "
        f"from pg_catalog.pg_amop o where o.oid = {oid}) "
        f"when 'pg_amproc'::regclass then (select array['pg_opfamily', o.amprocfamily::text] "
        f"from pg_catalog.pg_amproc o where o.oid = {oid}) "
        f"when 'pg_publication_rel'::regclass then (select array['pg_publication', r.prpubid::text] "
        f"from pg_catalog.pg_publication_rel r where r.oid = {oid}) "
        f"else array[{catalog}::regclass::text, {oid}::text] end"
    )


def _query(version: int) -> str:
    default = (
        "select 'pg_attrdef', a.adrelid::text, a.adnum::text from pg_catalog.pg_attrdef a "
        "where d.classid = 'pg_attrdef'::regclass and a.oid = d.objid"
    )
    return (
        "select distinct coalesce(def.catalog, d.own[1]), coalesce(def.relation, d.own[2]), coalesce(def.number, "
        "case when d.own[1] = 'pg_class' and d.objsubid > 0 then d.objsubid::text else '0' end), "
        "d.whole[1], d.whole[2] "
        f"from (select d.*, {_whole('d.refclassid', 'd.refobjid', version)} as whole, "
        f"{_whole('d.classid', 'd.objid', version)} as own from pg_catalog.pg_depend d "
        "where d.objid >= 16384 and d.refobjid >= 16384 and d.deptype <> 'e' "
        # an operator of a family that is tied to a class: the class needs the family
        "and not (d.classid in ('pg_amop'::regclass, 'pg_amproc'::regclass) "
        "and d.refclassid = 'pg_opclass'::regclass)) d "
        f"left join lateral ({default}) def (catalog, relation, number) on true "
        "where d.own[2] is not null and d.whole[2] is not null"
    )


def requests(session: Session) -> tuple[Request, ...]:
    """Return what is asked for `needs_of`, in a read-only transaction in which pg_catalog is the search_path."""
    return Request(_MEMBERS), Request(_query(session.conn.info.server_version))


def needs_of(members: Rows, rows: Rows) -> Needs:
    """Return what each object needs, made of the answers to `requests`."""
    extensions = {(catalog, oid): extension for catalog, oid, extension in members}
    found: dict[Identity, set[Identity]] = {}
    for catalog, oid, sub, needed_catalog, needed_oid in rows:
        own = Identity(catalog or "", int(oid or 0), int(sub or 0))
        extension = extensions.get((needed_catalog, needed_oid))
        needed = Identity("pg_extension" if extension else needed_catalog or "", int(extension or needed_oid or 0), 0)
        if own != needed:
            found.setdefault(own, set()).add(needed)
    return {own: frozenset(needed) for own, needed in found.items()}
