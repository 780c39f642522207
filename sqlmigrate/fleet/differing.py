"""What the errors of several targets have in common, and what each has of its own.

Two targets can have one cause and different details: another session in the way, another row that is there twice,
another difference by hand. What is true for one of them is never said of all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from sqlmigrate.errors import SqlmigrateError, StatementError
from sqlmigrate.identifiers import quoted

_DIFF = ("+", "-", " ", "@")  # how lines of a diff begin: it is compared as a whole
_SHORTEST = 12  # characters: a beginning that is shorter says nothing
_TIME = re.compile(r" \([^()]* UTC\)")
_HISTORY = re.compile(r"\b(history (?:in )?)[^,:;]+?\.(?=\w)")

_BY_HAND = {"left over": "added", "missing": "missing", "different": "different", "column order": "different"}

_T = TypeVar("_T")


def what_is_meant(message: str) -> str:
    """Return a message without the time, and with a ``*`` for the schema of a history: each target has its own."""
    return _TIME.sub("", _HISTORY.sub(r"\1*.", message))


def by_hand(line: str, schema: str | None) -> str:
    """Return a line of what was changed by hand: names in the target's own `schema` stand without it."""
    change = next((each for each in _BY_HAND if line.startswith(f"{each} ")), None)
    if change is None:
        return line
    what = line.removeprefix(f"{change} ")
    if schema:
        own = f"(?:{'|'.join(map(re.escape, (schema, quoted(schema))))})"
        what = re.sub(rf"^schema {own}(?= \(|$)", "schema", what)
        what = re.sub(rf'(?<![\w$".]){own}\.', "", what)
    return f"{_BY_HAND[change]}: {what}"


def shared(errors: Sequence[SqlmigrateError]) -> SqlmigrateError:
    """Return what is true for all; the class, the place and the kind are those of the first."""
    first, *rest = errors
    if not rest:
        return first
    common = _with_fields(first, [field for field in _fields(first) if all(field in _fields(each) for each in rest)])
    return common.with_(
        message=_message([each.message for each in errors]),
        detail=_in_all(errors, lambda error: _blocks(error.detail)),
        hint=first.hint if all(each.hint == first.hint for each in rest) else None,
        state=first.state if all(each.state == first.state for each in rest) else None,
        next_steps=_without_or([step for step in first.next_steps if all(step in each.next_steps for each in rest)]),
    )


def texts(errors: Iterable[SqlmigrateError]) -> int:
    """Return how many different texts the diffs of errors show."""
    return len({tuple(line for line in error.detail if line[:1] in _DIFF) for error in errors})


def own(error: SqlmigrateError, common: SqlmigrateError) -> SqlmigrateError | None:
    """Return what an error has beyond that; the message is empty if it is the same. None if there is nothing."""
    blocks = _blocks(common.detail)
    left = _with_fields(error, [field for field in _fields(error) if field not in _fields(common)]).with_(
        message="" if common.message in (error.message, what_is_meant(error.message)) else error.message,
        detail=[line for block in _blocks(error.detail) if block not in blocks for line in block],
        hint=error.hint if error.hint != common.hint else None,
        state=error.state if error.state != common.state else None,
        next_steps=_without_or(
            [step for step in error.next_steps if step.removeprefix("or: ") not in _plain(common.next_steps)]
        ),
        others=(),
    )
    has_any = left.message or left.detail or left.hint or left.state or left.next_steps or _fields(left)
    return left if has_any else None


def _message(messages: Sequence[str]) -> str:
    """Return the message of all; if they differ, their common beginning, whole words of it."""
    if len(set(messages)) == 1:
        return messages[0]
    if len(alike := set(map(what_is_meant, messages))) == 1:
        return alike.pop()
    length = next((at for at, letters in enumerate(zip(*messages, strict=False)) if len(set(letters)) > 1), None)
    beginning = messages[0][:length].rpartition(" ")[0].rstrip(" ,:;(`\"'")
    if beginning.count("(") > beginning.count(")"):  # what stands in a parenthesis is shown whole, or not at all
        beginning = beginning.rpartition("(")[0].rstrip()
    return f"{beginning} …" if len(beginning) >= _SHORTEST else "they differ, as each says below"


def _fields(error: SqlmigrateError) -> tuple[tuple[str, str], ...]:
    return error.fields if isinstance(error, StatementError) else ()


def _with_fields(error: SqlmigrateError, fields: Sequence[tuple[str, str]]) -> SqlmigrateError:
    if not isinstance(error, StatementError):
        return error
    kept = {name: getattr(error, name) for name in ("kind", "detail", "hint", "state", "next_steps", "others")}
    return StatementError(error.message, error.span, fields=fields, sqlstate=error.sqlstate, named=error.named, **kept)


def _blocks(lines: Iterable[str]) -> list[tuple[str, ...]]:
    """Put the lines of a diff together: it is the same as another, or it is another."""
    blocks: list[tuple[str, ...]] = []
    for line in lines:
        if line[:1] in _DIFF and blocks and blocks[-1][0][:1] in _DIFF:
            blocks[-1] = (*blocks[-1], line)
        else:
            blocks.append((line,))
    return blocks


def _in_all(errors: Sequence[SqlmigrateError], parts: Callable[[SqlmigrateError], list[tuple[_T, ...]]]) -> list[_T]:
    first, *rest = map(parts, errors)
    return [each for part in first if all(part in other for other in rest) for each in part]


def _plain(steps: Iterable[str]) -> set[str]:
    return {step.removeprefix("or: ") for step in steps}


def _without_or(steps: Sequence[str]) -> list[str]:
    return [step.removeprefix("or: ") if not number else step for number, step in enumerate(steps)]
