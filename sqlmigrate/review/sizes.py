"""The sizes of production's tables: the query that exports them, and the file that it writes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlmigrate.errors import ConfigError

from .results import Size

_COLUMNS = ("table", "rows", "bytes")

# https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-DBSIZE; it reads no rows of the users
QUERY = """\
select pg_catalog.format('%I.%I', n.nspname, c.relname) as "table",
       coalesce(sum(greatest(p.reltuples, 0))::bigint, 0) as "rows",
       coalesce(sum(pg_catalog.pg_total_relation_size(p.oid))::bigint, 0) as "bytes"
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  cross join lateral (
       select c.oid, c.reltuples where c.relkind <> 'p'
       union all
       select leaf.oid, leaf.reltuples
         from pg_catalog.pg_partition_tree(c.oid) tree join pg_catalog.pg_class leaf on leaf.oid = tree.relid
        where c.relkind = 'p' and tree.isleaf) as p
 where c.relkind in ('r', 'p', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
 group by 1
 order by 3 desc, 1"""


def read(path: Path) -> Mapping[str, Size]:
    """Read what the query has exported, as CSV with a header (``psql --csv``) or as a JSON list of objects.

    Raises `ConfigError`, with the line, if the file is neither.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigError(f"--sizes {path} cannot be read: {reason}") from error
    return dict(_sizes(path, text))


def _sizes(path: Path, text: str) -> Iterator[tuple[str, Size]]:
    for line, row in _rows(path, text):
        try:
            yield str(row["table"]), Size(int(row["rows"]), int(row["bytes"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"{path}:{line}: expected the name of a table, its rows and its bytes",
                hint='export it with: psql "$DATABASE_URL" --csv -c "$(sqlmigrate review --sizes-query)" > sizes.csv',
            ) from error


def _rows(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if text.lstrip().startswith("["):
        try:
            yield from enumerate(json.loads(text), start=1)
        except ValueError as error:
            raise ConfigError(f"{path} is not JSON: {error}") from error
        return
    reader = csv.DictReader(io.StringIO(text))
    if not set(_COLUMNS) <= set(reader.fieldnames or ()):
        raise ConfigError(
            f"{path}:1: the header does not name the columns {', '.join(_COLUMNS)}",
            hint='export it with: psql "$DATABASE_URL" --csv -c "$(sqlmigrate review --sizes-query)" > sizes.csv',
        )
    for row in reader:
        yield reader.line_num, row
