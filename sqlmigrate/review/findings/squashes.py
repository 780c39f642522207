"""Finds whether a squashed migration makes the same as what it replaces, by executing both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmigrate.errors import ServerError
from sqlmigrate.files.replaces import has_rows
from sqlmigrate.review.new.squashed import Squash
from sqlmigrate.review.rules.rule import Finding, Rule
from sqlmigrate.review.rules.squashed import SQUASH_DIFFERS, SQUASH_NOT_PROVEN
from sqlmigrate.shadow.squash_proof import OF_DOWN, Builder, Made, Proof
from sqlmigrate.spelling import plural

_SHOWN = 3  # differences that are named


@dataclass(frozen=True)
class Proven:
    """What the proof of a squashed migration has found.

    Attributes:
        label: the squashed migration
        findings: why it is not proven; none if it is
        said: what was proven, as sentences
    """

    label: str
    findings: tuple[Finding, ...] = ()
    said: tuple[str, ...] = ()


def prove(builder: Builder, squash: Squash) -> Proven:
    """Execute a squashed migration and what it replaces, and compare."""
    squashed = squash.migration
    with_data = has_rows(squashed.up)
    try:
        made = builder.make(squash.replaced)
        proof = builder.prove(made, squashed, with_data=with_data, is_written=True)
    except ServerError as error:
        message = f"it is not known whether {squashed.label} makes the same as what it replaces: {error.message}"
        return Proven(squashed.label, (_finding(squash, SQUASH_NOT_PROVEN, message, error.hint or ""),))
    if proof.differences:
        return Proven(squashed.label, (_differs(squash, proof),))
    return Proven(squashed.label, (), tuple(_said(squash, made, proof, with_data=with_data)))


def _differs(squash: Squash, proof: Proof) -> Finding:
    squashed, found = squash.migration, proof.differences
    more = f"; and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
    is_down = all(each.startswith(OF_DOWN) for each in found)
    what = "does not undo all that it makes" if is_down else "does not make the same as what it replaces"
    message = f"{squashed.label} {what}: {'; '.join(found[:_SHOWN])}{more}"
    advice = "take the file as `squash` has written it, and write a change as a new migration; to see all differences:"
    advice += f"\nsqlmigrate squash {squashed.version} --check"
    source = squashed.down if is_down else None
    return _finding(squash, SQUASH_DIFFERS, message, advice, (source or squashed.up).path)


def _said(squash: Squash, made: Made, proof: Proof, *, with_data: bool) -> Sequence[str]:
    objects = plural(len(made.schema.catalog.objects), "object")
    rows = f", {plural(made.rows.count, 'row')}" if with_data else ""
    first, last = squash.replaced[0].label, squash.replaced[-1].label
    said = [f"{squash.migration.label} makes the same as {first} to {last}: {objects}{rows}."]
    if not with_data and made.rows.count:
        said.append(f"It was written without {plural(made.rows.count, 'row')} that they put in.")
    if proof.not_compared:
        said.append(f"Not the same each time, so not compared: {', '.join(proof.not_compared)}.")
    return said


def _finding(squash: Squash, rule: Rule, message: str, advice: str, path: str = "") -> Finding:
    return Finding(rule, rule.severity, message, path=path or squash.migration.up.path, what_now=advice)
