"""Where the targets of a call come from: a file, a query, the schemas of a database; and which of them are chosen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

    There are none if the report of an earlier call names none that failed. Raises `ConfigError` for a source that
    cannot be read, and where no target is left.
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
        if not names:
            return ()
        found = tuple(target for target in found if target.name in names)
    if not found:
        raise ConfigError("--only, --skip and --only-failed leave out all targets", state=NOTHING_EXECUTED)
    return found


def failed_in(path: str) -> set[str]:
    """Return the names of the targets that failed, or were left out, from what an earlier call has written as JSON.

    Of `up` and `down` these are all that are not done; of `status`, `verify` and `drift` those that need attention,
    that differ, or that could not be reached. Raises `ConfigError` for a file that is not a report of a fleet.
    """
    values = list(_values(_text(path)))
    for value in reversed(values):
        if isinstance(summary := value.get("summary"), dict) and "failed" in summary:
            return {*summary["failed"], *summary.get("left", ())}
    raise ConfigError(
        f"{path} is not the JSON report of a fleet: {_what_it_is(values)}",
        state=NOTHING_EXECUTED,
        hint="write it with: sqlmigrate fleet up --format json … > report.json",
    )


def _values(text: str) -> Iterator[dict[str, Any]]:
    """Yield what a report has on each line; lines that are not JSON are left out."""
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def _what_it_is(values: Sequence[dict[str, Any]]) -> str:
    if not values:
        return "it has no JSON"
    if any("target" in value for value in values):
        return "its last line, the summary, is missing; the call may have been killed"
    return (
        "it is of a command for one database" if any("migrations" in each for each in values) else "it has no summary"
    )


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read `{path}`: {error.strerror}", state=NOTHING_EXECUTED) from None
    except UnicodeDecodeError:
        raise ConfigError(f"`{path}` is not UTF-8", state=NOTHING_EXECUTED) from None
