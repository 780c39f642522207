"""How a schema differs from the one it should be: the differences, and what could not be compared.

The two catalogs may come from servers of different major versions, and were read by roles that see different things.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from .compare import differences
from .expressions import is_printed
from .ignored import Entry, sift
from .objects import Catalog, Difference
from .sql_rare import UNSEEN

_Attribute = tuple[str, str | None, str | None]
_ATOMIC = "BEGIN ATOMIC"
_NEWER_RIGHT = re.compile(r"(?<==)([a-zA-Z*]*?)m\*?(?=[a-zA-Z*]*/)")  # MAINTAIN, since PostgreSQL 17
_QUALIFIER = re.compile(r'(?:[\w$]+|"(?:[^"]|"")+")\.(?=[\w"])')
_NOISE = re.compile(r"[\s()]|::(?:text|character varying|numeric|timestamp with(?:out)? time zone)")


@dataclass(frozen=True)
class Majors:
    """The major versions of the two servers."""

    before: int
    after: int

    @property
    def differ(self) -> bool:
        """Whether they are not the same."""
        return self.before != self.after


@dataclass(frozen=True)
class Drift:
    """How a schema differs from the one it should be.

    Attributes:
        differences: the differences that matter
        not_compared: kind, name and attribute of what could not be compared, each with the reason
        ignored: how many differences were left out, because the settings say so
        unused: the entries of the settings that match nothing
    """

    differences: tuple[Difference, ...]
    not_compared: tuple[NotCompared, ...] = ()
    ignored: int = 0
    unused: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotCompared:
    """What could not be compared.

    Attributes:
        kind: the kind of the object
        name: its qualified name
        attribute: the attribute
        is_unseen: whether one of the roles may not see it; if not, two versions of PostgreSQL write it differently
    """

    kind: str
    name: str
    attribute: str
    is_unseen: bool


def find_drift(before: Catalog, after: Catalog, majors: Majors, entries: Sequence[Entry] = ()) -> Drift:
    """Compare the schema as it should be with the schema as it is.

    Args:
        before: The schema as it should be.
        after: The schema as it is.
        majors: The versions of the servers that they come from.
        entries: What is ignored.
    """
    sifted = sift(differences(before, after), entries, before, after)
    kept: list[Difference] = []
    left_out: list[NotCompared] = []
    for each in sifted.differences:
        attributes = []
        for attribute in each.attributes:
            if UNSEEN in attribute[1:]:
                left_out.append(NotCompared(each.kind, each.name, attribute[0], is_unseen=True))
            elif not majors.differ or not _may_be_written_differently(each, attribute):
                attributes.append(attribute)
            elif not _is_same_text(*attribute[1:]):
                left_out.append(NotCompared(each.kind, each.name, attribute[0], is_unseen=False))
        if attributes or not each.attributes:
            kept.append(replace(each, attributes=tuple(attributes)))
    return Drift(tuple(kept), tuple(left_out), sifted.ignored, sifted.unused)


def _may_be_written_differently(found: Difference, attribute: _Attribute) -> bool:
    """Tell whether another version may write the same value of an attribute differently."""
    name, before, after = attribute
    if before is None or after is None:
        return False
    if name == "acl":
        return _NEWER_RIGHT.sub(r"\1", before) == _NEWER_RIGHT.sub(r"\1", after)
    if name == "definition" and _ATOMIC in before and _ATOMIC in after:
        return True
    return is_printed(found.kind, name) or (found.kind, name) in (("extension", "version"), ("index", "statistics"))


def _is_same_text(before: str | None, after: str | None) -> bool:
    """Tell whether two texts are the same without what versions are known to write differently."""
    old, new = (_NOISE.sub("", _QUALIFIER.sub("", _NEWER_RIGHT.sub(r"\1", each or ""))) for each in (before, after))
    return old == new


def summary(found: Sequence[Difference]) -> Iterator[str]:
    """Yield a short text for each difference: ``left over index public.a_b``."""
    for each in found:
        names = ", ".join(name for name, *_ in each.attributes)
        yield f"{each.change} {each.kind} {each.name}" + (f" ({names})" if names else "")
