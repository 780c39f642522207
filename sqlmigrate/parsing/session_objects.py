"""What the first statements of a file leave in the session, for a run that goes on with the rest in another session.

Some of it another session gets by sending the statement again: settings, prepared statements. The rest is lost:
temporary objects, cursors, and what a block has set, because a block may do other things as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .statement import Statement
from .tokens import blanked

_ONLY_THE_SESSION = re.compile(
    r"""SET\ (?!LOCAL\b|TRANSACTION\b|CONSTRAINTS\b)
    | RESET\b
    | SELECT\ (PG_CATALOG\ \.\ )?SET_CONFIG\ \( [^()]*\)$
    | (PREPARE\ (?!TRANSACTION\b)|DEALLOCATE|LISTEN|UNLISTEN|LOAD)\b
    | SELECT\ (PG_CATALOG\ \.\ )?PG_(TRY_)?ADVISORY_LOCK(_SHARED)?\ \( [^()]*(\([^()]*\)[^()]*)?\)$""",
    re.VERBOSE,
)
_NAME = r'(?:pg_temp\s*\.\s*)?(?P<name>"(?:[^"]|"")+"|[\w$]+)'
_PERSISTENCE = r"(?:global\s+|local\s+)?temp(?:orary)?\s+"
_TEMPORARY = re.compile(
    rf"""\b(?:create\s+(?:or\s+replace\s+)?{_PERSISTENCE}(?:recursive\s+)?(?:table|view|sequence)\s+
          (?:if\s+not\s+exists\s+)?
        | into\s+{_PERSISTENCE}(?:table\s+)?
        | create\s+(?:or\s+replace\s+)?(?:[a-z]+\s+){{1,3}}?(?:if\s+not\s+exists\s+)?(?=pg_temp\s*\.)){_NAME}""",
    re.VERBOSE | re.IGNORECASE,
)
_ON_COMMIT_DROP = re.compile(r"\bon\s+commit\s+drop\b", re.IGNORECASE)
_CURSOR = re.compile(rf"\bdeclare\s+{_NAME}\s+(?:[a-z]+\s+){{0,4}}?cursor\s+with\s+hold\b", re.IGNORECASE)
_IN_BLOCK = re.compile(
    r"(?:[;$']|\b(?:begin|then|loop|else))\s*set\s+(?!local\b|constraints\b|transaction\b)(?:session\s+)?(?P<name>[\w.]+)",
    re.IGNORECASE,
)
_SET_CONFIG = re.compile(r"\bset_config\s*\(\s*'(?P<name>[\w.]+)'[^()]*\)", re.IGNORECASE)
_IS_LOCAL = re.compile(r",\s*true\s*\)$", re.IGNORECASE)
_LOCK = re.compile(r"\b(?P<name>pg_(?:try_)?advisory_lock(?:_shared)?)\s*\(", re.IGNORECASE)
_UNLOCK = re.compile(r"\bpg_advisory_unlock", re.IGNORECASE)
_A_LOCK = "an advisory lock of the session"
_KEPT_BY_US = frozenset(("client_encoding", "lock_timeout"))


@dataclass(frozen=True)
class Lost:
    """What a statement has made in a session that has ended.

    Attributes:
        what: What it is, in words: ``the temporary table t``.
        name: Its name, without quotes; a statement that names it needs it.
        maker: The statement.
        is_needed: Whether everything after it needs it: a setting, a lock.
    """

    what: str
    name: str
    maker: Statement
    is_needed: bool = False


def to_send_again(done: Sequence[Statement]) -> list[tuple[int, Statement]]:
    """Return the statements that change the session and nothing else, with their numbers, from 1."""
    kept: list[tuple[int, Statement]] = []
    for number, statement in enumerate(done, start=1):
        if _discards(statement, "ALL"):
            kept = []
        elif _UNLOCK.search(statement.text):
            kept = [each for each in kept if not _LOCK.search(each[1].text)]
        elif _only_sets(statement):
            kept.append((number, statement))
    return kept


def missing(done: Sequence[Statement], rest: Sequence[Statement]) -> Iterator[tuple[Lost, Statement | None]]:
    """Yield what the statements `done` have made, if the session lacks it now and `rest` does not make it again.

    Each comes with the first statement of `rest` that names it; None for what is needed without being named.
    """
    for lost in _lost(done):
        named = re.compile(rf"(?<![\w$]){re.escape(lost.name)}(?![\w$])", re.IGNORECASE)
        user = next((each for each in rest if named.search(each.text)), None)
        if user is None and lost.is_needed:
            yield lost, None
        elif user is not None and not lost.is_needed and lost.name not in {each.name for each in _made(user)}:
            yield lost, user


def _lost(done: Sequence[Statement]) -> list[Lost]:
    kept: list[Lost] = []
    for statement in done:
        if _discards(statement, "ALL"):
            kept = []
        elif _discards(statement, "TEMP"):
            kept = [each for each in kept if _TEMPORARY.search(each.maker.text) is None]
        elif statement.kind.verb.startswith("DROP") or statement.kind.verb == "CLOSE":
            is_all = statement.kind.first_words == "CLOSE ALL"
            kept = [each for each in kept if each.name not in statement.text and not (is_all and "cursor" in each.what)]
        elif _UNLOCK.search(statement.text):
            kept = [each for each in kept if each.what != _A_LOCK]
        elif not _only_sets(statement):
            kept += _made(statement)
    return kept


def _made(statement: Statement) -> Iterator[Lost]:
    """Yield what a statement makes in its session."""
    is_definition = statement.kind.verb.startswith(("CREATE", "COMMENT"))
    text = blanked(statement.text, "comment", *(("string", "body") if is_definition else ()))
    if not _ON_COMMIT_DROP.search(text):
        for each in _TEMPORARY.finditer(text):
            name = each["name"].strip('"').replace('""', '"')
            yield Lost(f"the temporary object {name}", name, statement)
    for each in _CURSOR.finditer(text):
        yield Lost(f"the cursor {each['name']}", each["name"].strip('"'), statement)
    settings = [each for each in _SET_CONFIG.finditer(text) if not _IS_LOCAL.search(each[0])]
    settings += _IN_BLOCK.finditer(text) if statement.kind.verb == "DO" else []
    for each in settings:
        if each["name"].lower() not in _KEPT_BY_US:
            yield Lost(f"the value of {each['name']}", each["name"], statement, is_needed=True)
    for each in _LOCK.finditer(text):
        yield Lost(_A_LOCK, each["name"], statement, is_needed=True)


def _only_sets(statement: Statement) -> bool:
    return bool(_ONLY_THE_SESSION.match(statement.kind.first_words))


def _discards(statement: Statement, what: str) -> bool:
    return statement.kind.first_words.startswith(f"DISCARD {what}")
