"""The look at one target: what it needs, and what keeps it from being executed. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlmigrate.errors import NOTHING_EXECUTED, ConfigError, ConnectError, SqlmigrateError
from sqlmigrate.files.migration import Folder, Migration
from sqlmigrate.history.table import DEFAULT_TABLE, table_parts
from sqlmigrate.operations import status, up_down
from sqlmigrate.plan.plan import (
    DEFAULT_DRIFT,
    DEFAULT_LIMITS,
    DEFAULT_SELECTION,
    Direction,
    DriftPolicy,
    Limits,
    Planned,
    Selection,
)
from sqlmigrate.plan.rows import find_row, make_rows, unchanged

from .advice import DEFAULT_COMMANDS, Commands, for_target
from .results import Look
from .target import Target


@dataclass(frozen=True)
class Order:
    """What a fleet is asked to do with each target.

    Attributes:
        direction: ``up`` or ``down``.
        migrations: The folder, read once.
        selection: The migrations that are asked for.
        table: The history table.
        limits: How long to wait for others.
        drift: What a run does if the schema was changed by hand.
        is_dry_run: Whether everything is rolled back.
        commands: The commands that hints name.
    """

    direction: Direction
    migrations: Folder
    selection: Selection = DEFAULT_SELECTION
    table: str = DEFAULT_TABLE
    limits: Limits = DEFAULT_LIMITS
    drift: DriftPolicy = DEFAULT_DRIFT
    is_dry_run: bool = False
    commands: Commands = DEFAULT_COMMANDS


def look(target: Target, order: Order) -> Look:
    """Return what a target needs. An error of it is in the result."""
    try:
        planned = up_down.look(
            target.url,
            order.migrations,
            direction=order.direction,
            selection=order.selection,
            table=order.table,
            schema=target.schema,
            leaves=True,
        )
    except SqlmigrateError as error:
        agreeing, newest = _executed_at(target, order, error)
        return Look(error=for_target(error, target, order.commands), executed=agreeing, newest=newest)
    plan = planned.plan
    needs = [*(step.migration for step in plan.steps), *(fold.migration for fold in plan.folds)]
    is_alone = any(step.script.mode == "statements" for step in plan.steps)
    versions = (needs[0].version, needs[-1].version) if needs else ()
    executed = [row.executed_label for row in plan.rows if row.is_executed]
    undone = {each.label for each in needs} if order.direction == "down" else set()
    stays = next((label for label in reversed(executed) if label not in undone), "")
    return Look(
        tuple(each.label for each in needs),
        executed=unchanged(plan.rows),
        is_alone=is_alone,
        versions=versions,
        newest=executed[-1] if executed else "",
        stays=stays,
        place=_place(planned, target),
        notes=() if needs else tuple(for_target(each, target, order.commands) for each in plan.notes),
    )


def _place(planned: Planned, target: Target) -> tuple[str, ...]:
    server = planned.state.server
    if server.instance is None:
        return ()
    return server.instance.system, server.instance.started, server.database, target.schema or ""


def left_out_as_same(looks: Mapping[str, Look], targets: Sequence[Target]) -> dict[str, Look]:
    """Return the looks at targets that are left out as well, because another is the same database and schema.

    Addresses do not show that: a server has several, and a pooler has others.
    """
    names: dict[tuple[str, ...], str] = {}
    found = {}
    for target in targets:
        seen = looks[target.name]
        first = names.setdefault(seen.place, target.name) if seen.place else target.name
        if first != target.name:
            what = f"the schema {target.schema} of the same database" if target.schema else "the same database"
            error = ConfigError(
                f"`{target.name}` is {what} as `{first}`, by another address",
                state=NOTHING_EXECUTED,
                hint="remove one of them",
            )
            found[target.name] = Look(error=error, executed=seen.executed, newest=seen.newest)
    return found


def _executed_at(target: Target, order: Order, error: SqlmigrateError) -> tuple[tuple[Migration, ...], str | None]:
    """Return what is executed as it is in the folder where a target is left out, and the newest migration there.

    It takes one more connection. None stands for a newest migration that is not known.
    """
    if isinstance(error, (ConfigError, ConnectError)):
        return (), None
    try:
        planned = status.status(target.url, order.migrations, table=order.table, schema=target.schema, leaves=True)
    except SqlmigrateError:
        return (), None
    newest = next((row.label for row in reversed(planned.plan.rows) if row.is_executed), "")
    return unchanged(planned.plan.rows), newest


def require_known_version(looks: Iterable[Look], order: Order) -> None:
    """Raise `ConfigError` if neither the folder nor the history of a target that was reached has the version asked for.

    The folder alone cannot tell: histories have what is missing in it.
    """
    if order.selection.to is None:
        return
    try:
        find_row(make_rows(order.migrations, ()), order.selection.to)
    except ConfigError as unknown:
        errors = [each.error for each in looks if not isinstance(each.error, ConnectError)]
        if errors and all(isinstance(each, ConfigError) and each.message == unknown.message for each in errors):
            raise unknown.with_(state=NOTHING_EXECUTED) from None


def require_own_histories(targets: tuple[Target, ...], table: str) -> None:
    """Raise `ConfigError` if schemas would share one history, because the setting `table` names a schema."""
    schema, name = table_parts(table)
    if schema and any(target.schema for target in targets):
        raise ConfigError(
            f"--table {table} names a schema, and each target that is a schema has a history in it",
            state=NOTHING_EXECUTED,
            hint=f"name the table alone: --table {name}",
        )
