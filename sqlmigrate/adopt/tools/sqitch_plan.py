"""The plan of Sqitch: its changes, in their order, with the ID that the history has for each.

The grammar is that of `App::Sqitch::Plan` (`_parse`), the ID that of `App::Sqitch::Plan::Change` (`info`, `id`).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from sqlmigrate.adopt.sections import lines
from sqlmigrate.errors import MigrationError
from sqlmigrate.source import Source, Span

_PRAGMA = re.compile(r"\s*%\s*(?P<name>[^\s=]+)\s*(?:=\s*(?P<value>.+?))?\s*\Z")
_NOTE = re.compile(r"(?P<before>.*?)[ \t]*(?:#[ \t]*(?P<note>.*))?\Z")
_LINE = re.compile(
    r"""[ \t]*(?:(?P<tag>@)|[ \t]*(?P<operator>[+-])[ \t]*)?
    (?P<name>[^\s:@\#\\\[]+) [ \t]*
    (?:\[(?P<needs>[^]]+)\][ \t]*)?
    (?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)[ \t]*
    (?P<planner>[^<]+?)[ \t]+<(?P<email>[^>]+)>[ \t]*\Z""",
    re.VERBOSE,
)
_PORTS = {"http": ":80", "https": ":443"}
_ESCAPES = {r"\\": "\\", r"\n": "\n", r"\r": "\r"}


@dataclass
class Change:
    """A change of the plan.

    Attributes:
        name: Its name, which may be a path.
        id: The ID that the history has for it.
        span: Its line in the plan.
        tags: The tags behind it.
        rework_tags: The tags between it and the next change of the same name; empty if it was not reworked.
    """

    name: str
    id: str
    span: Span
    tags: list[str]
    rework_tags: list[str]


@dataclass(frozen=True)
class Plan:
    """A plan.

    Attributes:
        project: The project.
        changes: Its changes, in their order.
        faults: Lines that cannot be read; the changes below them have wrong IDs.
    """

    project: str
    changes: tuple[Change, ...]
    faults: tuple[MigrationError, ...]


def parse(source: Source) -> Plan:
    """Read a plan; a line that cannot be read is a fault."""
    pragmas: dict[str, str] = {}
    changes: list[Change] = []
    faults: list[MigrationError] = []
    newest: dict[str, int] = {}
    since_tag: set[str] = set()
    is_head = True
    for line in lines(source):
        text, note = _without_note(line.text.rstrip("\r\n"))
        if not text.strip():
            is_head = is_head and bool(note)
            continue
        span = source.span(line.start, line.start + len(line.text.rstrip()))
        pragma = _PRAGMA.match(text) if is_head else None
        found = None if pragma else _LINE.match(text)
        if pragma:
            pragmas[pragma["name"]] = pragma["value"] or "1"
        elif not found or found["operator"] == "-":
            faults.append(MigrationError("this line of the plan is not one that Sqitch reads", span))
        elif found["tag"]:
            if changes:
                changes[-1].tags.append(found["name"])
                since_tag.clear()
        elif found["name"] in since_tag:
            faults.append(MigrationError(f"the change `{found['name']}` is there twice without a tag between", span))
        else:
            since_tag.add(found["name"])
            if (at := newest.get(found["name"])) is not None:
                changes[at].rework_tags += [tag for each in reversed(changes[at:]) for tag in each.tags]
            newest[found["name"]] = len(changes)
            info = _info(found, note, pragmas, changes[-1].id if changes else "")
            changes.append(Change(found["name"], _id_of(info), span, [], []))
    return Plan(pragmas.get("project", ""), tuple(changes), tuple(faults))


def _without_note(line: str) -> tuple[str, str]:
    """Cut a line at its note, whose line ends are written with a backslash."""
    match = _NOTE.match(line)
    if match is None:
        raise AssertionError("a note is optional")
    note = re.sub(r"\\[\\nr]", lambda found: _ESCAPES[found[0]], (match["note"] or "").strip())
    return match["before"], note


def _info(found: re.Match[str], note: str, pragmas: dict[str, str], parent: str) -> str:
    needs = [_need(each, pragmas["project"]) for each in (found["needs"] or "").split()] if "project" in pragmas else []
    requires = [each for each in needs if not each.startswith("!")]
    conflicts = [each.removeprefix("!") for each in needs if each.startswith("!")]
    parts = [
        f"project {pragmas.get('project', '')}",
        *([f"uri {_canonical(pragmas['uri'])}"] if "uri" in pragmas else []),
        f"change {found['name']}",
        *([f"parent {parent}"] if parent else []),
        f"planner {found['planner']} <{found['email']}>",
        f"date {found['time']}",
        *(["requires\n  + " + "\n  + ".join(requires)] if requires else []),
        *(["conflicts\n  - " + "\n  - ".join(conflicts)] if conflicts else []),
        *(["", note] if note else []),
    ]
    return "\n".join(parts)


def _need(written: str, project: str) -> str:
    """Return a dependency as the ID counts it: without the name of its own project."""
    mark = "!" if written.startswith("!") else ""
    return mark + written.removeprefix("!").removeprefix(f"{project}:")


def _canonical(uri: str) -> str:
    """Write a URI as Perl's `URI->canonical` does: host in lower case, no usual port, a path."""
    parts = urlsplit(uri)
    if not parts.netloc:
        return uri
    user, at, host = parts.netloc.rpartition("@")
    host = host.lower().removesuffix(_PORTS.get(parts.scheme, ""))
    path = parts.path or ("/" if parts.scheme in _PORTS and not parts.query else "")
    return urlunsplit((parts.scheme, user + at + host, path, parts.query, parts.fragment))


def _id_of(info: str) -> str:
    content = info.encode()
    return hashlib.sha1(b"change %d\0" % len(content) + content).hexdigest()  # noqa: S324 - it is Sqitch's
