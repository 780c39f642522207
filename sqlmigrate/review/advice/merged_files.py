"""What to write instead of an exception that allows nothing."""

from __future__ import annotations

from sqlmigrate.files.migration import normalized

from .case import Case
from .draft import Draft, Pair


def without_exception(case: Case) -> Draft | None:
    """Leave out the directives that allow nothing."""
    own = case.subject.up.source
    up, down = own.text, case.down.source.text if case.down else ""
    for finding in case.findings:
        span = finding.span
        if span is None:
            continue
        line = span.text.rstrip("\n")
        if span.source.path == own.path:
            up = up.replace(f"{line}\n", "", 1)
        else:
            down = down.replace(f"{line}\n", "", 1)
    return Draft(Pair("", normalized(up), normalized(down) if down else ""))
