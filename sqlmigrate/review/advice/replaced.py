"""What to write instead where a new table takes the name of an old one."""

from __future__ import annotations

import re

from sqlmigrate.identifiers import QUALIFIED, displayed, parent
from sqlmigrate.review.findings.subject import MeasuredStatement

from .altered import sequence_to_largest
from .case import Case
from .draft import Draft, Edit

# An INSERT that copies rows of one table: nothing in it that makes other rows of them.
_COPY = re.compile(
    rf"(?P<head>insert\s+into\s+(?P<table>{QUALIFIED})\s*\()(?P<columns>[^()]*)\)"
    r"(?P<overriding>\s+overriding\s+\w+\s+value)?"
    rf"(?P<select>\s+select\s+)(?!distinct\b|all\b)(?P<rest>.*?\bfrom\s+(?:only\s+)?{QUALIFIED}\b(?!\s*[,(]).*)",
    re.IGNORECASE | re.DOTALL,
)
_MAKES_OTHER_ROWS = re.compile(
    r"\b(?:join|group|union|intersect|except|distinct|select|over|on\s+conflict)\b", re.IGNORECASE
)


def with_all_columns(case: Case) -> Draft | None:
    """Copy the columns that the INSERT leaves out, and set their sequences after it."""
    edits = [edit for each in case.statements if (edit := _with_columns(case, each))]
    return case.draft(edits)


def _with_columns(case: Case, measured: MeasuredStatement) -> Edit | None:
    found = _COPY.fullmatch(measured.code)
    if found is None or _MAKES_OTHER_ROWS.search(found["rest"]):
        return None
    tables = {parent(name) for name in case.names}
    columns = [each for table in tables for each in case.columns(table) if displayed(each.name) in case.names]
    if len(tables) != 1 or not columns:
        return None
    listed = ", ".join(each.object.path[-1] for each in columns)
    is_always = any(each.is_always_identity for each in columns) and not found["overriding"]
    overriding = " overriding system value" if is_always else found["overriding"] or ""
    text = f"{found['head']}{listed}, {found['columns']}){overriding}{found['select']}{listed}, {found['rest']}"
    sets = [sequence_to_largest(found["table"], each.object.path[-1]) for each in columns if each.is_serial]
    return Edit(measured.facts.number, ";\n".join([text, *sets]))
