"""What `fleet drift --accept` does: takes new snapshots where the schema is not what the last one has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlmigrate.catalog.read import forget
from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.operations import drift as operations
from sqlmigrate.spelling import plural

from . import formats
from .advice import for_target
from .call import Call
from .inspection import Drifted
from .results import grouped
from .target import Target


def accept(call: Call, found: Mapping[str, Drifted]) -> list[SqlmigrateError]:
    """Take a snapshot of each target that differs, or of which that is not known; returns what is in the way.

    It asks first if something was changed by hand. Each target has the lock of a run meanwhile, as in `drift --accept`.
    Raises `NotConfirmedError` if the answer is no.
    """
    context, report = call.context, call.context.report
    targets = tuple(target for target in call.targets if found[target.name].is_acceptable)
    if any(found[target.name].changes for target in targets):
        context.confirm(
            yes=call.options["yes"],
            question="Take snapshots with these changes? They are expected then",
            where=plural(len(targets), "target"),
        )
    answers = replace(call, targets=targets).ask_each(lambda target: _accept(target, call))
    failed = {name: error for name, error in answers.items() if error}
    report.json(formats.accepted_value(answers))
    if report.form == "text":
        call.causes.reasons(grouped(failed.items()), "❌")
    taken = len(targets) - len(failed)
    said = f" {plural(taken, 'snapshot')} taken: the schemas are expected as they are now"
    report.text([("green", "✅"), ("", said)] if taken else "no snapshot was taken")
    unknown = (answer.error for name, answer in found.items() if answer.error and name not in answers)
    return [*failed.values(), *unknown]


def _accept(target: Target, call: Call) -> SqlmigrateError | None:
    config = call.context.config
    try:
        operations.accept(target.url, table=config.table, schema=target.schema, lock_wait=config.lock_wait)
    except SqlmigrateError as error:
        return for_target(error, target, call.commands)
    finally:
        forget()
    return None
