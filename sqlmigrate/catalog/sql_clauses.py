"""Parts of definitions in the form in which statements write them: ``SFUNC = int4pl, STYPE = integer``."""

from __future__ import annotations

from collections.abc import Mapping


def clauses(values: Mapping[str, str], separator: str = "', '") -> str:
    """Return clauses, as ``name = value``, in a row; those whose value is NULL are left out.

    Args:
        values: The values by the names of the clauses, as expressions in SQL.
        separator: What stands between two, as an expression in SQL.
    """
    written = ", ".join(f"'{name} = ' || ({value})" for name, value in values.items())
    return f"nullif(concat_ws({separator}, {written}), '')"


def flag(name: str, condition: str) -> str:
    """Return a word if a condition is true, and NULL if it is not."""
    return f"case when {condition} then '{name}' end"


def function(column: str) -> str:
    """Return the name of a function without its arguments; NULL for none."""
    return f"nullif({column}::oid, 0)::regproc::text"


def operator(column: str) -> str:
    """Return an operator without its arguments, ``OPERATOR(app.===)``; NULL for none."""
    return (
        "(select format('OPERATOR(%I.%s)', xn.nspname, x.oprname) from pg_operator x "
        f"join pg_namespace xn on xn.oid = x.oprnamespace where x.oid = {column})"
    )
