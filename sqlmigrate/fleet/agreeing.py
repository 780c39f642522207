"""What is to be done about a file by what the other targets have executed: they agree with it, or they do not.

What other targets have executed is known only of those that were asked. Where a call has chosen some of them, nothing
is said of the others but how to ask them.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.spelling import plural

from .advice import CURES, RENAMED, SHARED
from .differing import texts

_ALONE = "no other target is known to agree with the folder: look at what this one has executed"
_REMOVED = "no target is known to agree with the folder: bring the file back"
_SEVERAL_TEXTS = (
    "no target is known to have executed this text, and not all have executed the same one: decide which is right, "
    "bring the databases to it, then let their histories agree"
)
_EDITED = (
    "no target is known to have executed this text. Put the edit aside (if it is committed: take the text that was "
    "executed), and write a new migration"
)
_ALL_RENAMED = (
    "no target has this name in its history. Rename the file back, or let the histories take its new name: the text is "
    "the same"
)
_NOT_ASKED = "the targets that this call has not chosen may have executed it: ask them too, before anything is changed"
_MOST_DIFFER = (
    "most targets have executed another text. If the file was edited afterwards, give it that text again; otherwise "
    "bring these databases to what the folder has. Then let the histories of those that differ agree"
)

_Error = TypeVar("_Error", bound=SqlmigrateError)


@dataclass(frozen=True)
class Known:
    """What is known of the targets that were asked.

    Attributes:
        executed: The paths of the files that are executed there as they are in the folder, by the names of the targets
            of which that is known.
        ask_all: The call that also asks the targets that this one has not chosen; empty if it has asked all.
    """

    executed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    ask_all: str = ""


def among_others(errors: Mapping[str, _Error], known: Known) -> dict[str, _Error]:
    """Return the errors of targets with one cause, with what follows from what the others have executed."""
    first = next(iter(errors.values()))
    path = first.span.source.path if first.span else None
    others = [paths for name, paths in known.executed.items() if name not in errors]
    agreeing = sum(path is None or path in paths for paths in others)
    if not any(error.hint in (SHARED, RENAMED) for error in errors.values()):
        return {name: after_failure(error, agreeing if path else 0, known) for name, error in errors.items()}
    if not agreeing and known.ask_all:
        return {name: error.with_(hint=_NOT_ASKED, next_steps=[known.ask_all]) for name, error in errors.items()}
    back = _ways_back(first) if texts(errors.values()) == 1 else []
    return {name: _about_folder(each, len(errors), agreeing, back) for name, each in errors.items()}


def _ways_back(error: SqlmigrateError) -> list[str]:
    """Return the commands that put an edit aside and show the executed text; empty if nothing was edited."""
    looks = [step.removeprefix("or: ") for step in error.next_steps if " repair " not in step]
    if error.span is None or not looks:
        return []
    return [shlex.join(["git", "stash", "push", "--", error.span.source.path]), *(f"or: {each}" for each in looks)]


def _about_folder(error: _Error, differing: int, agreeing: int, back: Sequence[str]) -> _Error:
    """Say of a target that differs from the folder how many others do, and how many agree.

    Of a file those agree that have executed its text. If none has, the file is what was changed: then the edit can be
    put aside, without a loss: `back` has the commands for that, if the executed text is the same everywhere.
    """
    if error.hint == RENAMED:
        return error if agreeing else error.with_(hint=_ALL_RENAMED)
    if error.hint != SHARED:
        return error
    if error.span is None:
        if not agreeing:
            return error.with_(hint=_REMOVED if differing > 1 else _ALONE)
        others = f"{plural(agreeing, 'other target')} agree{'s' * (agreeing == 1)} with the folder"
        return error.with_(detail=[*error.detail, f"{others}: it is what they have executed, or will execute"])
    if not agreeing:
        return error.with_(hint=_EDITED, next_steps=back) if back else error.with_(hint=_SEVERAL_TEXTS)
    others = f"{plural(agreeing, 'other target')} {'has' if agreeing == 1 else 'have'} executed the text in the folder"
    detail = [*error.detail, others]
    return error.with_(detail=detail, hint=_MOST_DIFFER) if differing > agreeing else error.with_(detail=detail)


def after_failure(error: _Error, executed: int, known: Known) -> _Error:
    """Return the error of a failure; it says whether the file may be changed. `executed` others have executed it."""
    if not executed and known.ask_all:
        return error
    who = f"the file stays, {plural(executed, 'other target')} {'has' if executed == 1 else 'have'} executed it"

    def told(text: str) -> str:
        for cure in CURES:
            text = text.replace(cure.if_not_known, f"{cure.elsewhere}: {who}" if executed else cure.words)
        return text

    return error.with_(hint=error.hint and told(error.hint), next_steps=list(map(told, error.next_steps)))
