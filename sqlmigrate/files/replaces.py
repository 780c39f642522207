"""Which migrations a squashed one replaces, as the head of its up file says.

::

    -- sqlmigrate: replaces 001-042
    --   001_create_initial_auth_tables   5b8f0a1c2d3e4f50
    --   002_add_user_settings_table      0c9d8e7f6a5b4c3d

The directive names the range of versions. The comments right behind it list each migration with the beginning of its
checksum, so that it is known what they were without their files. The list may be missing: then only the archive tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from sqlmigrate.errors import Kind, MigrationError
from sqlmigrate.source import Source, Span

from .naming import version_number

ARCHIVE = "squashed"
"""The folder, inside the folder of migrations, that holds what squashed migrations replace."""
CHECKSUM_LENGTH = 16  # hexadecimal digits that are listed
WRITTEN = "-- Written by: sqlmigrate squash"
"""The comment in the head of a squashed file, which also tells how it was written."""
_WITHOUT_ROWS = "--data none"
_BLANK = re.compile(r"[\s\ufeff]*")
_LIKE_LISTED = re.compile(r"--[ \t]+[0-9_]+_[\w.-]+")


@dataclass(frozen=True)
class Replaced:
    """A migration that a squashed one replaces.

    Attributes:
        version: Its version, as written in its file name.
        name: Its name.
        checksum: The checksum of its up file, or the beginning of it.
    """

    version: str
    name: str
    checksum: str

    @property
    def number(self) -> int:
        """The version as it is compared."""
        return version_number(self.version)

    @property
    def label(self) -> str:
        """Version and name as in the file name."""
        return f"{self.version}_{self.name}"

    def is_text(self, checksum: str | None) -> bool:
        """Tell whether a whole checksum is that of the text that was squashed."""
        return checksum is not None and checksum.startswith(self.checksum)


@dataclass(frozen=True)
class Replaces:
    """The range of versions that a squashed migration replaces.

    Attributes:
        first: The first version, as written.
        last: The last version, as written.
        span: The directive.
        listed: The migrations that the file lists, in the order of their versions; empty if it has no list.
        unlisted: The first line of the list that cannot be read; None if all can be.
    """

    first: str
    last: str
    span: Span
    listed: tuple[Replaced, ...] = ()
    unlisted: Span | None = None

    def covers(self, number: int) -> bool:
        """Tell whether a version, as a number, is in the range."""
        return version_number(self.first) <= number <= version_number(self.last)

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


def find_replaces(source: Source) -> Replaces | None:
    """Return what a file replaces; None if it has no such directive, or one that `parsing` refuses."""
    if "replaces" not in source.text:  # nearly every file
        return None
    from sqlmigrate.parsing.directives import RANGE, VERSION  # noqa: PLC0415 - loads what splits; few files need it

    directive = re.compile(rf"--[ \t]*sqlmigrate[ \t]*:[ \t]*replaces[ \t]+{RANGE.pattern}[ \t]*$")
    line = re.compile(rf"--[ \t]+(?P<version>{VERSION})_(?P<name>[\w.-]+)[ \t]+(?P<checksum>[0-9a-f]{{8,64}})[ \t]*$")
    found: re.Match[str] | None = None
    span, listed, unlisted = source.span(0, 0), list[Replaced](), None
    for start, comment in _head(source.text):
        if found is None:
            found = directive.match(comment)
            span = source.span(start, start + len(comment.rstrip()))
        elif entry := line.match(comment):
            listed.append(Replaced(entry["version"], entry["name"], entry["checksum"]))
        else:
            unlisted = source.span(start, start + len(comment.rstrip())) if _LIKE_LISTED.match(comment) else None
            break
    return Replaces(found["first"], found["last"], span, tuple(listed), unlisted) if found else None


def written_by(*, with_data: bool) -> str:
    """Return the comment that tells how a squashed file was written."""
    return WRITTEN if with_data else f"{WRITTEN} {_WITHOUT_ROWS}"


def has_rows(source: Source) -> bool:
    """Tell whether a squashed file was written with the rows that its migrations put in."""
    return all(comment.rstrip() != f"{WRITTEN} {_WITHOUT_ROWS}" for _, comment in _head(source.text))


def _head(text: str) -> Iterator[tuple[int, str]]:
    """Yield the comments before the first statement, each with its offset."""
    from sqlmigrate.parsing.comments import COMMENT, comment_end  # noqa: PLC0415 - as above

    end = 0
    while (blank := _BLANK.match(text, end)) and (comment := COMMENT.match(text, blank.end())):
        end = comment_end(text, comment)
        yield comment.start(), text[comment.start() : end]


def faults_of_list(replaces: Replaces, version: str) -> Iterator[MigrationError]:
    """Yield what is wrong with a directive that can be read, in the up file of a migration with this version."""
    last = replaces.last
    if version_number(last) != version_number(version):
        yield MigrationError(
            f"the file replaces {replaces}, but its own version is {version}",
            replaces.span,
            kind=Kind.WRONG_RANGE,
            hint=f"the range ends at the version of its file: name the file {last}_…, or write another range",
        )
    if replaces.unlisted:
        yield MigrationError(
            "the list of what is replaced has a line that cannot be read",
            replaces.unlisted,
            kind=Kind.WRONG_RANGE,
            hint="a line is `--   VERSION_NAME   CHECKSUM`: take the list as `sqlmigrate squash` has written it",
        )
    numbers = [each.number for each in replaces.listed]
    outside = [each.label for each in replaces.listed if not replaces.covers(each.number)]
    is_sorted = all(before < after for before, after in pairwise(numbers))
    if outside or not is_sorted or (numbers and not replaces.unlisted and numbers[-1] != version_number(last)):
        what = "it is cut off" if is_sorted else "it is not in order"
        what = f"{outside[0]} is not in the range" if outside else what
        yield MigrationError(
            f"the list of what is replaced does not fit the range {replaces}: {what}",
            replaces.span,
            kind=Kind.WRONG_RANGE,
            hint="take the list as `sqlmigrate squash` has written it",
        )
