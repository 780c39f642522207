"""Where the targets of a call come from: a file, a query, the schemas of a database; and which of them are chosen."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlmigrate.errors import NOTHING_EXECUTED, ConfigError

from .target import Target, chosen, require_different
from .target_file import read_targets
from .target_queries import query, schemas

STDIN = "-"


@dataclass(frozen=True)
class Wanted:
    """What a call says about its targets.

    Attributes:
        file: The file of targets; ``-`` is stdin; None if it is not asked for.
        sql: The query that returns them.
        schemas: The patterns of the schemas.
        only: The targets to keep, by name, pattern or tag.
        skip: The targets to leave away.
        report: The report of an earlier call, of which the failed targets are kept.
    """

    file: str | None = None
    sql: str | None = None
    schemas: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    report: str | None = None


def require_one_source(wanted: Wanted) -> None:
    """Raise `ConfigError` unless exactly one source of targets is named."""
    named = [bool(wanted.file), bool(wanted.sql), bool(wanted.schemas)]
    if sum(named) != 1:
        raise ConfigError(
            "name the targets in one way" if any(named) else "no targets are named",
            state=NOTHING_EXECUTED,
            hint="--targets FILE, --query SQL, or --schemas 'tenant_*'",
        )


def targets_of(wanted: Wanted, base: str, stdin: Callable[[], str]) -> tuple[Target, ...]:
    """Return the targets of a call, in their order; what one does not name is taken from `base`.

    Raises `ConfigError` for a source that cannot be read, and where no target is left.
    """
    if wanted.file:
        text = stdin() if wanted.file == STDIN else _text(wanted.file)
        found = read_targets("stdin" if wanted.file == STDIN else wanted.file, text, base)
    elif wanted.sql:
        found = query(base, wanted.sql)
    else:
        found = schemas(base, wanted.schemas)
    require_different(found)
    found = chosen(found, wanted.only, wanted.skip)
    if wanted.report:
        names = failed_in(wanted.report)
        found = tuple(target for target in found if target.name in names)
    if not found:
        raise ConfigError("no target is left", state=NOTHING_EXECUTED, hint="look at --only, --skip and --only-failed")
    return found


def failed_in(path: str) -> set[str]:
    """Return the names of the targets that are not done, from what an earlier call has written as JSON."""
    for line in reversed(_text(path).splitlines()):
        try:
            summary = json.loads(line)["summary"]
            return {*summary["failed"], *summary["left"]}
        except (ValueError, TypeError, KeyError):
            continue
    raise ConfigError(
        f"{path} has no summary of a fleet",
        state=NOTHING_EXECUTED,
        hint="write it with: sqlmigrate fleet up --format json … > report.json",
    )


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read `{path}`: {error.strerror}", state=NOTHING_EXECUTED) from None
    except UnicodeDecodeError:
        raise ConfigError(f"`{path}` is not UTF-8", state=NOTHING_EXECUTED) from None
