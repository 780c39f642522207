"""What each action of `fleet` does with the targets of a call."""

from __future__ import annotations

from dataclasses import replace

from sqlmigrate.files.migration import remembering

from . import looking
from .call import Call
from .executing import execute
from .look import require_own_histories


def work(call: Call) -> int:
    """Do what a call asks for, and return the exit code."""
    require_own_histories(call.targets, call.commands.table)
    call = replace(call, migrations=remembering(call.migrations))
    actions = {"status": looking.status, "verify": looking.verify, "drift": looking.drift}
    return actions.get(call.action, execute)(call)
