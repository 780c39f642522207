"""Findings of definitions that keep the time of the migration, because `'now'` is read when the file is executed.

https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-DATETIME-SPECIAL-VALUES
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from sqlmigrate.catalog.objects import ROUTINES, Change
from sqlmigrate.identifiers import displayed
from sqlmigrate.review.rules.altered import FROZEN_TIME
from sqlmigrate.review.rules.rule import Finding

from .subject import Subject

_SPECIAL = re.compile(r"(?i)'\s*(now|today|tomorrow|yesterday)\s*'")
_CONSTANT = re.compile(r"'([^']*)'::(?:date|time(?:stamp)?(?:\(\d\))? with(?:out)? time zone)")
_MEANT = "partition bound"  # its values have to be constants


def find(subject: Subject) -> Iterator[Finding]:
    """Return the findings of an up file: views, defaults, conditions and checks with a constant of this moment."""
    for change in subject.trip.changes:
        if change.after is None or change.kind in ROUTINES:  # the text of a function is read when it is called
            continue
        before = change.before.attributes if change.before else {}
        for attribute, now in change.after.attributes.items():
            if now and now != before.get(attribute) and attribute != _MEANT and _CONSTANT.search(now):
                yield from _of_attribute(subject, change, attribute, now)


def _of_attribute(subject: Subject, change: Change, attribute: str, now: str) -> Iterator[Finding]:
    maker = subject.maker_of(change, attribute if change.before else "")
    text = maker.code if maker else subject.up.source.text
    special, thing = _SPECIAL.search(text), change.after
    if thing is None or special is None or all(moment[1] in text for moment in _CONSTANT.finditer(now)):
        return
    what = "the default of" if attribute == "default" else f"the {thing.kind}"
    message = (
        f"{what} `{displayed(thing.name)}` is fixed to the time of the migration:"
        f" '{special[1].lower()}' is evaluated once, when the file is executed"
    )
    finding = subject.finding(FROZEN_TIME, subject.place_of(change, attribute if change.before else ""), message)
    yield replace(finding, about=displayed(thing.name))
