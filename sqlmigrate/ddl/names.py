"""Names, texts and blocks as the statements write them."""

from __future__ import annotations

import re

from sqlmigrate.identifiers import literal, quoted

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")
# Those that may not be a name without quotes in some place, of all versions together; the list decides about a pair of
# quotes, never about what a statement means. https://www.postgresql.org/docs/current/sql-keywords-appendix.html
_KEYWORDS = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case
    cast char character check coalesce collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user dec decimal default
    deferrable desc distinct do else end except exists extract false fetch float for foreign freeze from full grant
    greatest group grouping having ilike in initially inner inout int integer intersect interval into is isnull join
    json json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar json_serialize
    json_table json_value lateral leading least left like limit localtime localtimestamp merge_action national
    natural nchar none normalize not notnull null nullif numeric offset on only or order out outer overlaps overlay
    placing position precision primary public real references returning right row select session_user setof similar
    smallint some substring symmetric system_user table tablesample then time timestamp to trailing treat trim true
    union unique user using values varchar variadic verbose when where window with xmlattributes xmlconcat
    xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
    """.split()  # noqa: SIM905 - a text is easier to read
)
# Stands for the name of the database in a statement, until that is written as a block; no statement contains it.
DATABASE = "\0"


def identifier(name: str) -> str:
    """Write one name as SQL, with quotes where it needs them."""
    return name if _PLAIN.match(name) and name not in _KEYWORDS else quoted(name)


def on_this_database(statement: str) -> str:
    """Write a block that executes a statement in which `DATABASE` stands for the database that one is connected to.

    No statement has a word for that database.
    """
    template = literal(statement.replace("%", "%%").replace(DATABASE, "%I"))
    return block(f"BEGIN EXECUTE format({template}, current_database()); END")


def block(body: str) -> str:
    """Write a DO block; its body may contain dollar quotes."""
    tag = "$$"
    while tag in body:
        tag = f"${tag.strip('$')}x$"
    return f"DO {tag}{body}{tag}"
