"""yoyo: `0001_users.sql` with `0001_users.rollback.sql`, and the table `_yoyo_migration`.

A migration is known by its file name without the extension. Directives are comments above the first statement
(`parse_metadata_from_sql_comments` in `yoyo/migrations.py`). The order is topological, then that of the names
(`yoyo/topologicalsort.py`). Versions before 6.0 have another layout of the table (`yoyo/internalmigrations/v1.py`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence

from sqlmigrate.adopt.foreign import ForeignMigration, Listing, Part, Place, Reading
from sqlmigrate.adopt.sections import lines
from sqlmigrate.errors import MigrationError
from sqlmigrate.identifiers import literal, quoted
from sqlmigrate.source import Source, Span

from .ordering import in_circles, in_order
from .tool import BY_HAND, Guard, Tool, select

_ROLLBACK = ".rollback.sql"
_VERSION = re.compile(r"(?P<version>[0-9]{8}_[0-9]{2}(?=_)|[0-9]+)(?P<rest>.*)", re.DOTALL)
_DIRECTIVE = re.compile(r"\s*--\s*(?P<name>transactional|depends)\s*:\s*(?P<value>[^\r\n]*)")
_COMMENT_OR_EMPTY = re.compile(r"\s*(?:--[^\r\n]*)?\s*\Z")
_IMPORTS = re.compile(rb"^\s*(?:from|import)\s+yoyo\b", re.MULTILINE)
_HOOK = "post-apply"


def _read(listing: Listing) -> Reading | None:
    sql = [name for name in listing.top if name.endswith(".sql")]
    code = [name for name in listing.top if name.endswith(".py") and _IMPORTS.search(listing.files[name])]
    if not (sql or code) or any(name.endswith((".up.sql", ".down.sql")) for name in sql):
        return None
    files = [name for name in sorted([*sql, *code]) if not name.endswith(_ROLLBACK)]
    hooks = [name for name in files if name.startswith(_HOOK)]
    found = {_id(name): name for name in files if name not in hooks}
    needs = {key: _needs(listing, name) for key, name in found.items()}
    migrations = tuple(_migration(listing, found[key]) for key in in_order(needs))
    is_marked = bool(code) or len(files) < len(sql) + len(code) or any(needs.values())
    others = tuple(_hook(listing, name) for name in hooks)
    faults = tuple(_faults(listing, found, needs))
    return Reading("yoyo", listing.folder, migrations, others, is_marked, is_rare=not is_marked, obstacles=faults)


def _id(name: str) -> str:
    return name.rpartition(".")[0]


def _directives(source: Source) -> Iterator[tuple[str, str, Span]]:
    """Yield the directives above the first statement, with their values and places."""
    for line in lines(source):
        if not _COMMENT_OR_EMPTY.match(line.text):
            return
        if found := _DIRECTIVE.match(line.text):
            start = line.start + len(line.text) - len(line.text.lstrip())
            yield found["name"], found["value"].strip(), source.span(start, line.start + len(line.text.rstrip()))


def _needs(listing: Listing, name: str) -> Sequence[str]:
    """Return the migrations that a file says it depends on."""
    if name.endswith(".py"):
        return _needs_of_code(listing.files[name])
    source = listing.try_source(name)
    if isinstance(source, MigrationError):
        return ()
    return [each for kind, value, _ in _directives(source) if kind == "depends" for each in value.split()]


def _needs_of_code(code: bytes) -> Sequence[str]:
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError):
        return ()
    for each in body:
        if isinstance(each, ast.Assign) and [ast.unparse(target) for target in each.targets] == ["__depends__"]:
            values = [node.value for node in ast.walk(each) if isinstance(node, ast.Constant)]
            return [value for value in values if isinstance(value, str)]
    return ()


def _migration(listing: Listing, name: str) -> ForeignMigration:
    key = _id(name)
    match = _VERSION.fullmatch(key)
    version, rest = (match["version"], match["rest"].lstrip("_.-")) if match else ("", key)
    path, raw = listing.path(name), listing.files[name]
    obstacles: list[MigrationError] = []
    if f"{key}.py" in listing.files and f"{key}.sql" in listing.files:
        obstacles.append(MigrationError(f"{listing.path(key)}.py and {listing.path(key)}.sql have the same name"))
    if name.endswith(".py"):
        obstacles.append(_is_code(path))
        return ForeignMigration(key, version, rest, path, None, obstacles=tuple(obstacles), raw=raw)
    sources = [listing.try_source(each) for each in (name, f"{key}{_ROLLBACK}") if each in listing.files]
    obstacles += [each for each in sources if isinstance(each, MigrationError)]
    texts = [each for each in sources if isinstance(each, Source)]
    off = list(_transactions_off(texts[0])) if texts else []
    parts = [Part(each.text, has_transaction=not off) for each in texts] if not obstacles else []
    return ForeignMigration(
        key,
        version,
        rest,
        path,
        parts[0] if parts else None,
        parts[1] if len(parts) > 1 else None,
        tuple(MigrationError("`transactional: false` becomes the directive `no-transaction`", span) for span in off),
        tuple(obstacles),
        raw,
    )


def _transactions_off(source: Source) -> Iterator[Span]:
    for kind, value, span in _directives(source):
        if kind == "transactional" and value.lower() == "false":
            yield span


def _faults(listing: Listing, found: Mapping[str, str], needs: Mapping[str, Sequence[str]]) -> Iterator[MigrationError]:
    """Yield why there is no order: yoyo executes nothing then."""
    circles = in_circles(needs)
    for key, name in found.items():
        for need in needs[key]:
            if need not in needs:
                yield MigrationError(f"{listing.path(name)} depends on `{need}`, which is not in this folder")
        if key in circles:
            yield MigrationError(f"{listing.path(name)} depends on itself: its dependencies are a circle")


def _is_code(path: str) -> MigrationError:
    return MigrationError(
        f"{path} is Python, not SQL: it is not executed here",
        hint=BY_HAND,
    )


def _hook(listing: Listing, name: str) -> MigrationError:
    return MigrationError(f"{listing.path(name)} is executed by yoyo after every run: it is not taken over")


def _query(place: Place) -> str:
    table = quoted(place.schema, place.table)
    if "migration_id" not in place.columns:  # before 6.0
        return select(table, key="t.id", executed_at="t.ctime at time zone 'UTC'", order_by="t.ctime, t.id")
    columns = {"key": "t.migration_id", "executed_at": "t.applied_at_utc at time zone 'UTC'"}
    if "_yoyo_log" in place.tables:
        columns["executed_by"] = (
            f"select l.username from {quoted(place.schema, '_yoyo_log')} l where l.migration_hash = t.migration_hash "
            "and l.operation in ('apply', 'mark') order by l.created_at_utc desc limit 1"
        )
    return select(table, **columns, order_by="t.applied_at_utc, t.migration_id")


def _guard(place: Place) -> Guard:
    """Refuse its lock too: yoyo takes it first, and records a migration after its transaction has ended."""
    return Guard(tables=("yoyo_lock",) if "yoyo_lock" in place.tables else ())


def _busy(place: Place) -> str:
    if "yoyo_lock" not in place.tables:
        return ""
    return f"select {literal('process ')} || pid from {quoted(place.schema, 'yoyo_lock')}"


YOYO = Tool("yoyo", ("migrations",), _read, _query, guard=_guard, busy=_busy)
