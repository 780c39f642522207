"""Files that execute statements as another role: the review's server does not know what production gave this role."""

from __future__ import annotations

import re

from sqlmigrate.errors import StatementError
from sqlmigrate.identifiers import IDENTIFIER, plain
from sqlmigrate.parsing.script import Script
from sqlmigrate.parsing.tokens import blanked

_DENIED = "42501"
_SETS_ROLE = re.compile(
    rf"(?i)set\s+(?:(?:session|local)\s+)?(?:role|session\s+authorization)\s+(?!(?:none|default)\b)({IDENTIFIER}|'[^']+')"
)


def setting_roles(script: Script, failed_at: int, error: StatementError) -> dict[int, str]:
    """Return the statements up to one that has failed for want of a right, which set a role, and the roles they set.

    Args:
        script: The file.
        failed_at: The number of the statement that has failed, from 1.
        error: Why it has failed.
    """
    if error.sqlstate != _DENIED:
        return {}
    found = {
        number: _SETS_ROLE.match(blanked(each.text, "comment"))
        for number, each in enumerate(script.statements[:failed_at], start=1)
    }
    return {number: _role(match[1]) for number, match in found.items() if match}


def _role(written: str) -> str:
    return plain(written) if written.startswith('"') else written.strip("'").lower()
