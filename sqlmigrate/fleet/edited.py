"""A file that was edited after some targets have executed it: it is not executed on the others with another text."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace

from sqlmigrate.errors import NOTHING_EXECUTED, HistoryError, Kind, SqlmigrateError, gather
from sqlmigrate.plan.changed import EDITED
from sqlmigrate.spelling import plural

from .look import Order
from .results import Look

_MOST_NAMES = 5  # that a hint names


def left_out_for_edits(looks: Mapping[str, Look], order: Order) -> dict[str, Look]:
    """Return the looks at targets that are left out as well, because they need a file that was edited.

    It was edited if others have executed it with another text, and none is known to have executed the text of today.
    """
    if order.direction == "down":
        return {}
    executed = {each.up.path for look in looks.values() for each in look.executed}
    edited: dict[str, list[str]] = {}
    for name, look in looks.items():
        for path in _edited_in(look):
            edited.setdefault(path, []).append(name)
    labels = {each.up.path: each.label for each in order.migrations}
    errors = {
        labels[path]: _error(path, names) for path, names in edited.items() if path in labels and path not in executed
    }
    found = {}
    for name, look in looks.items():
        if look.error is None and (reasons := [errors[label] for label in look.needs if label in errors]):
            found[name] = replace(look, error=gather(reasons), needs=(), versions=(), executed=())
    return found


def _edited_in(look: Look) -> Iterator[str]:
    """Yield the paths of the files of which a target has executed another text."""
    for each in (look.error, *look.error.others) if look.error else ():
        if each.kind is Kind.CHANGED and each.span and EDITED in each.message:
            yield each.span.source.path


def _error(path: str, names: list[str]) -> SqlmigrateError:
    where, named = plural(len(names), "other target"), ",".join(sorted(names))
    others = shlex.quote(named) if named.count(",") < _MOST_NAMES else "with the names of these targets"
    return HistoryError(
        f"{path} was executed on {where} with another text, and this text on none that is known",
        state=NOTHING_EXECUTED,
        hint="put the edit aside, and write a new migration; to execute it here all the same, leave the others out: "
        f"--skip {others}",
    )
