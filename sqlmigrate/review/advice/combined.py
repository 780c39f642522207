"""The advices of several rules for one migration: one set of files where they change different statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlmigrate.review.results import Reviewed

from .case import Case
from .draft import Draft, Edit
from .written import changed_files, written


@dataclass(frozen=True)
class Combined:
    """An advice for the findings of one rule or several.

    Attributes:
        rules: the names of the rules, in the order of their findings
        draft: the files
        is_of_notes: whether it is only for notes
    """

    rules: tuple[str, ...]
    draft: Draft
    is_of_notes: bool


def combined(drafts: Sequence[tuple[Case, Draft]], reviewed: Reviewed) -> list[Combined]:
    """Return the advices for one migration, in the order of its findings; those of notes are apart, and last.

    An advice that changes a file which an earlier one changes too says so. One that is too long is left out.
    """
    found: list[Combined] = []
    for case, draft in drafts:
        if not _is_readable(draft, reviewed):
            continue
        rule, is_of_notes = case.findings[0].rule.name, all(each.severity == "note" for each in case.findings)
        for number, each in enumerate(found):
            both = _both(case, each.draft, draft) if each.is_of_notes == is_of_notes else None
            if both and _is_readable(both, reviewed):
                found[number] = replace(each, rules=(*each.rules, rule), draft=both)
                break
        else:
            found.append(Combined((rule,), draft, is_of_notes))
    found.sort(key=lambda each: each.is_of_notes)
    return [_with_warning(each, found[:number], reviewed) for number, each in enumerate(found)]


def _is_readable(draft: Draft, reviewed: Reviewed) -> bool:
    return bool(written(draft, reviewed, reviewed.migration.version)[0])


def _both(case: Case, first: Draft, second: Draft) -> Draft | None:
    """Return two advices as one; None if they change the same statement, or in ways that cannot be combined."""
    edits = _united((*first.edits, *second.edits)) if first.edits and second.edits else ()
    draft = case.draft(edits, *dict.fromkeys((*first.before, *second.before)))
    has_ends = any(each.head or each.down_end for each in edits)
    if draft is None or (has_ends and not draft.own.up):
        return None
    # without a transaction, statements that belong together would be executed one by one
    return None if any(each.is_concurrent for each in edits) and any(each.undo for each in edits) else draft


def _united(edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """Return edits in the order of the statements; none if two of them change the same statement in two ways."""
    found: dict[int, Edit] = {}
    for each in edits:
        same = found.get(each.number)
        if each.number == 0 or same is None or same == each:
            found[each.number] = each
        elif (same.allow or same.after) and (each.allow or each.after) and same.up == each.up:
            found[each.number] = replace(same, allow=same.allow + each.allow, after=(*same.after, *each.after))
        else:
            return ()
    loose = dict.fromkeys(each for each in edits if each.number == 0)
    return (*(found[number] for number in sorted(found) if number), *loose)


def _with_warning(advice: Combined, earlier: Sequence[Combined], reviewed: Reviewed) -> Combined:
    """Say that an earlier advice changes the same file, if one does."""
    own = changed_files(advice.draft, reviewed)
    for each in earlier:
        files = [name for name in changed_files(each.draft, reviewed) if name in own]
        if files:
            said = f"the advice for {each.rules[0]} changes {' and '.join(files)} too:"
            said = f"{said} follow one of the two, then review again"
            return replace(advice, draft=replace(advice.draft, before=(said, *advice.draft.before), edits=()))
    return advice
