"""Failures of a dry run that `up` does not have: they come only from all files sharing one transaction.

`up` commits each file before the next one begins. A dry run cannot: it has to roll everything back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlmigrate.parsing.statement import Statement
from sqlmigrate.parsing.tokens import blanked

from .events import Failed

_QUOTED = re.compile(r'["«„“](.+?)["»“”]')
_ADDS_VALUE = re.compile(r"\badd\s+value\b", re.IGNORECASE)
# Statements that change no rows, and so leave no trigger events.
_NO_ROWS = re.compile(r"(ALTER|CREATE|DROP|COMMENT|GRANT|REVOKE|SET|RESET|LOCK|ANALYZE|REINDEX|SECURITY LABEL)\b")


def why_not_tried(failed: Failed, *, is_first: bool) -> str | None:
    """Return why a failure of a dry run says nothing about `up`; None if `up` would fail as well.

    `is_first` says that no file was executed before it in the same transaction.
    """
    if is_first:
        return None
    statements = failed.step.script.statements[: failed.number]
    # https://www.postgresql.org/docs/current/errcodes-appendix.html: unsafe_new_enum_value_usage, object_in_use,
    # out_of_memory, transaction_timeout
    match failed.error.sqlstate:
        case "55P04" if not _adds(statements, label := _label(failed.error.message)):
            value = f"the enum value '{label}'" if label else "an enum value"
            return f"it uses {value}, which a file before it adds and which has to be committed first"
        case "55006" if all(_NO_ROWS.match(each.kind.first_words) for each in statements):
            return "a file before it has changed rows of this table, which has to be committed first"
        case "53200":
            return "the dry run holds the locks of all files before it, and the server has no room for more"
        case "25P04":
            return "the dry run is one transaction of all files, and has reached the transaction_timeout"
        case _:
            return None


def _label(message: str) -> str | None:
    """Return the first name that a message of the server quotes, in any language."""
    quoted = _QUOTED.search(message)
    return quoted[1] if quoted else None


def _adds(statements: Sequence[Statement], label: str | None) -> bool:
    """Tell whether the file itself adds the enum value: then `up` fails as well."""
    texts = (blanked(statement.text, "comment") for statement in statements)
    return any(_ADDS_VALUE.search(text) and (label is None or label.replace("'", "''") in text) for text in texts)
