"""How much each difference matters that up and down leave, and the differences in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlmigrate.catalog.objects import Catalog, Difference
from sqlmigrate.identifiers import displayed, parent, parts
from sqlmigrate.parsing.tokens import blanked
from sqlmigrate.review.rules.rule import SEVERITIES, Severity
from sqlmigrate.spelling import some

from .listing import top
from .rights import grants

_MOST = 5  # differences named in one sentence; the HTML page and the JSON have all of them
_SHORT = 80  # characters of two values that a sentence can contain
# Attributes that no statement depends on: only plans, speed and readers of the schema notice them.
_UNNOTICED = frozenset(
    {"comment", "statistics", "options", "toast options", "storage", "compression", "clustered", "tablespace", "cache"}
)
# Objects that no statement of the application meets by chance: left behind, they are only in the way of a later up.
_UNUSED = frozenset(
    {"function", "procedure", "aggregate", "type", "enum", "domain", "range", "composite type", "extension", "schema",
     "sequence", "view", "materialized view", "statistics", "index", "collation"}
)  # fmt: skip


def severity_of(difference: Difference, after: Catalog | None, *, works_again: bool) -> Severity:
    """Return how bad a difference is after up and down.

    Args:
        difference: One that matters.
        after: The catalog after up, which has what is left over.
        works_again: Whether up can be executed again after it.
    """
    if difference.change == "left over":
        is_unused = difference.kind in _UNUSED and not (after and _is_unique(difference, after))
        return "warning" if works_again and is_unused else "danger"
    if difference.change == "missing":
        return "note" if difference.kind == "statistics" else "danger"
    return min((_of_attribute(*each) for each in difference.attributes), key=SEVERITIES.index, default="danger")


def _is_unique(difference: Difference, after: Catalog) -> bool:
    """Return whether it is a unique index, which refuses rows of the application."""
    thing = after.objects.get((difference.kind, difference.name))
    return thing is not None and thing.definition.startswith("CREATE UNIQUE")


def _of_attribute(name: str, before: str | None, after: str | None) -> Severity:
    if name in _UNNOTICED:
        return "note"
    if name == "definition" and _code(before or "") == _code(after or ""):
        return "note"
    if name == "acl":
        return "danger" if _are_rights_lost(before or "", after or "") else "warning"
    return "danger"


def _code(definition: str) -> list[str]:
    """Return the words of the definition of a function, without the comments of its body."""
    return blanked(definition.replace("$function$", " ").replace("$procedure$", " "), "comment").split()


def _are_rights_lost(before: str, after: str) -> bool:
    now = dict(grants(after))
    return any(set(rights) - set(now.get(role, "")) for role, rights in grants(before))


def gravest_first(differences: Sequence[Difference], after: Catalog | None, *, works_again: bool) -> list[Difference]:
    """Return differences in the order of their severity; those of one severity stay in their order."""
    return sorted(differences, key=lambda each: SEVERITIES.index(severity_of(each, after, works_again=works_again)))


def whole(differences: Sequence[Difference], parents: Mapping[str, str]) -> list[Difference]:
    """Leave out the parts of objects that differ as a whole.

    Those are the columns of a table, the index of a constraint, and what a partition has from its table.
    """
    named = {(each.change, each.name) for each in differences if each.change != "different"}
    indexes = {(each.change, _index(each.name)) for each in differences if each.kind == "constraint"}
    shown = {(each.change, displayed(each.name)) for each in differences}
    return [
        each
        for each in differences
        if (each.change, parent(each.name)) not in named
        and not (each.kind == "index" and (each.change, each.name) in indexes)
        and ((above := top(displayed(each.name), parents)) == displayed(each.name) or (each.change, above) not in shown)
    ]


def _index(constraint: str) -> str:
    """Return the name that the index of a constraint has, if it has one."""
    return f"{parent(parent(constraint))}.{parts(constraint)[-1]}"


def in_words(differences: Sequence[Difference]) -> str:
    """Name the differences: what is left behind, what is missing, what is different; never empty if there are any."""
    clauses = []
    for change, words in (
        ("left over", "is left behind"),
        ("missing", "is missing"),
        ("different", "is different"),
        ("column order", "has its columns in another order"),
    ):
        found = [each for each in differences if each.change == change]
        if found:
            names = some([f"{each.kind} `{displayed(each.name)}`{_how(each)}" for each in found], _MOST)
            many = words.replace("is ", "are ").replace("has its", "have their")
            clauses.append(f"{names} {words if len(found) == 1 else many}")
    return ", ".join(clauses)


def _how(difference: Difference) -> str:
    """Describe in brackets how an object differs, with both values if they are short."""
    attributes = [
        f"{name}: {before or 'none'}, now {after or 'none'}" if len(f"{before}{after}") < _SHORT else name
        for name, before, after in difference.attributes
    ]
    return f" ({'; '.join(attributes)})" if attributes else ""
