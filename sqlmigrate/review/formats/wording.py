"""The words of a review, the same in every format: the strongest lock, who waits, the way down, the verdict.

Names of objects stand between backticks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from sqlmigrate.parsing.splitter import Statement
from sqlmigrate.review.measure.facts import FileRun, RelationEffect, RoundTrip, StatementFacts
from sqlmigrate.review.measure.lock_modes import blocks, rank
from sqlmigrate.review.results import Basis, Review, Reviewed
from sqlmigrate.review.rules.rule import SEVERITIES, Finding, Severity, worst

MARKS: dict[Severity | None, str] = {"danger": "❗", "warning": "⚠️", "note": "💡", None: "✅"}
_PART = re.compile(r'"(?:[^"]|"")*"|[^."]+')
_INNER = ("constraint", "index", "trigger", "policy", "rule")  # told by their last name, the table is known
_MAJOR = 10_000


def plural(count: int, noun: str) -> str:
    """Give a count with its noun: ``1 table``, ``1,200 tables``."""
    return f"{count:,} {noun}" + ("s" if count != 1 else "")


def sentence(text: str) -> str:
    """Give a text as a sentence: it begins with a capital, unless a name is its first word, and has an end."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?", ":", ";")) else ".") if text else ""


def short(name: str) -> str:
    """Give a name without the schema `public`."""
    return name.removeprefix("public.")


def last(kind: str, name: str) -> str:
    """Give the name of an object in a sentence: ``orders``, ``orders.total``, ``orders_total_check``."""
    if kind.endswith(_INNER):
        parts: list[str] = _PART.findall(name) or [name]
        return parts[-1]
    return short(name)


def major(ground: Basis) -> int:
    """Give the major version of the server that a review was run on; a very new one where there was none."""
    return ground.version // _MAJOR if ground.version else 99


class Lock(NamedTuple):
    """The strongest lock of a file: of which statement, and the work that is done while it is held."""

    statement: StatementFacts
    touch: RelationEffect
    work: RelationEffect | None

    @property
    def blocks(self) -> Literal["everyone", "writers", "nobody"]:
        """Who waits for longer than an instant."""
        return blocks(self.touch.mode) if self.work else "nobody"


def strongest(done: FileRun) -> Lock | None:
    """Give the strongest lock on a table that was there before; of equal ones that under which work is done."""
    locks = [
        Lock(facts, touch, _work(done, index, touch))
        for index, facts in enumerate(done.statements)
        for touch in facts.touches
        if touch.relation.kind != "index"
    ]
    return max(
        locks,
        key=lambda lock: (rank(lock.touch.mode), _weight(lock.work), lock.work is lock.touch, -lock.statement.number),
        default=None,
    )


def _weight(work: RelationEffect | None) -> int:
    return 0 if work is None else 3 if work.rewritten else 2 if work.is_work else 1


def _work(done: FileRun, index: int, touch: RelationEffect) -> RelationEffect | None:
    """Give the work done while a lock is held: on the same table, or else by this statement or one after it."""
    facts = done.statements[index]
    if touch.is_work or touch.written:
        return touch
    if blocks(touch.mode) == "nobody":
        return None
    until = index + 1 if facts.is_alone else len(done.statements)
    seen = [other for each in done.statements[index:until] for other in each.touches]
    own = [other for other in seen if touch.relation.oid == other.relation.oid or _is_index_of(other, touch)]
    return next((other for other in [*own, *seen] if other.is_work or other.written), None)


def _is_index_of(other: RelationEffect, touch: RelationEffect) -> bool:
    return other.relation.kind == "index" and other.relation.table == touch.relation.name


def lock_words(lock: Lock) -> str:
    """Say the strongest lock: ``ACCESS EXCLUSIVE on `orders` while it is rewritten``."""
    said = f"{lock.touch.mode} on `{short(lock.touch.relation.name)}`"
    if lock.work and (lock.touch.written or blocks(lock.touch.mode) != "nobody"):
        return f"{said} while {_work_words(lock.touch, lock.work)}"
    return said if blocks(lock.touch.mode) == "nobody" else f"{said}, for an instant"


def _work_words(touch: RelationEffect, work: RelationEffect) -> str:
    if work.relation.kind == "index":
        same = work.relation.table == touch.relation.name
        return "an index is rebuilt" if same else f"an index of `{short(work.relation.table or '')}` is rebuilt"
    same = work.relation.oid == touch.relation.oid
    name = "it" if same else f"`{short(work.relation.name)}`"
    if work.rewritten:
        return f"{name} is rewritten"
    if work.built:
        return "an index is built" if same else f"an index on {name} is built"
    return f"{name} is scanned" if work.scanned else "rows are written" if same else f"rows of {name} are written"


def strongest_words(reviewed: Reviewed) -> str:
    """Say the strongest lock of a migration's up file."""
    if reviewed.trip is None:
        return "not measured"
    lock = strongest(reviewed.trip.up)
    if lock is None and _commits_inside(reviewed):
        return "not all seen: it commits by itself"
    if lock is None and reviewed.trip.up.error:
        return f"fails at statement {reviewed.trip.up.failed_at}" if reviewed.trip.up.failed_at else "fails"
    return lock_words(lock) if lock else "none on what was there"


def blocked(finding: Finding) -> str:
    """Say who waits for what a finding tells of; empty where nobody does."""
    return "" if finding.waits == "nobody" else finding.waits


def who_waits(reviewed: Reviewed) -> str:
    """Say who waits for the up file, and how long where a finding has estimated it."""
    told = [finding for finding in reviewed.findings if finding.seconds is not None and blocked(finding)]
    if told:
        return max(told, key=lambda finding: (finding.seconds or 0.0, -SEVERITIES.index(finding.severity))).waits
    if reviewed.trip is None:
        return "not measured"
    lock = strongest(reviewed.trip.up)
    if _commits_inside(reviewed) and (lock is None or lock.blocks == "nobody"):
        return "not known"
    return lock.blocks if lock else "nobody"


def _commits_inside(reviewed: Reviewed) -> bool:
    """Tell whether what the file does was not all seen, allowed or not."""
    return any(finding.rule.name == "commits-inside" for finding in reviewed.findings)


def down_words(reviewed: Reviewed) -> str:
    """Say what the down file does: ``takes it back``, ``leaves `orders_total_check` behind``, ``fails``."""
    if reviewed.migration.down is None:
        why = reviewed.up.irreversible if reviewed.up else None
        return f"irreversible: {why}" if why else "none"
    trip = reviewed.trip
    if trip is None or trip.up.error or trip.down is None:
        return "not tried"
    if trip.down.error:
        return "is stopped" if trip.down.is_stopped else "fails"
    return _taken_back(trip)


def _taken_back(trip: RoundTrip) -> str:
    for words in (_left(trip), [f"{how} rows of `{short(table)}`" for table, how in rows_changed(trip)]):
        if words:
            return words[0] + (f" and {len(words) - 1:,} more" if len(words) > 1 else "")
    if trip.left:
        return "another column order"
    if trip.again_error:
        return "takes it back, but up fails after it"
    return "takes it back, but up ends otherwise after it" if trip.again else "takes it back"


def _left(trip: RoundTrip) -> list[str]:
    said = {"left over": "leaves `{}` behind", "missing": "loses `{}`", "different": "leaves `{}` different"}
    left = [each for each in trip.left if each.change != "column order"]
    return [said[each.change].format(last(each.kind, each.name)) for each in left]


def rows_changed(trip: RoundTrip) -> list[tuple[str, Literal["loses", "changes"]]]:
    """Give the tables whose rows are not the same after up and down, and how."""
    changed: list[tuple[str, Literal["loses", "changes"]]] = []
    for table, before in trip.rows_before.items() if trip.down and not trip.down.error else ():
        back = trip.rows_back.get(table)
        if back is None or back.count < before.count:
            changed.append((table, "loses"))
        elif back.checksum != before.checksum:
            changed.append((table, "changes"))
    return changed


def severity(reviewed: Reviewed) -> Severity | None:
    """Give how bad a migration is; None where it is safe (a note is no harm)."""
    found = worst(reviewed.findings)
    return None if found == "note" else found


def verdict(review: Review) -> tuple[Severity | None, str]:
    """Give the whole review in one sentence, and how bad it is."""
    count = len(review.migrations)
    news = f"of {plural(count, 'new migration')}"
    bad = [each for each in review.migrations if severity(each) == "danger"]
    own = worst(review.findings)
    if bad:
        more = ", and the folder is not in order" if own == "danger" else ""
        return "danger", f"{len(bad):,} {news} would {_harm(bad)}{more}"
    if own == "danger":
        return "danger", f"the folder is not in order: {plural(_open(review.findings, 'danger'), 'finding')}"
    doubtful = [each for each in review.migrations if severity(each) == "warning"]
    if doubtful:
        wants = "wants" if len(doubtful) == 1 else "want"
        return "warning", f"{len(doubtful):,} {news} {wants} a second look"
    if own == "warning":
        return "warning", f"the folder wants a second look: {plural(_open(review.findings, 'warning'), 'finding')}"
    return None, _fine(review)


def _open(findings: Sequence[Finding], gravity: Severity) -> int:
    return sum(finding.severity == gravity and finding.allowed is None for finding in findings)


def _fine(review: Review) -> str:
    if not review.migrations:
        return "no new migrations"
    is_meant = any(finding.allowed is not None for each in review.migrations for finding in each.findings)
    said = (
        plural(len(review.migrations), "new migration") + ": nothing found" + (" but what is meant" if is_meant else "")
    )
    return said + ("" if review.ground.server else " in the text alone, nothing was executed")


def _harm(bad: Sequence[Reviewed]) -> str:
    """Say what dangerous migrations would do, in the words that are true of all of them."""
    harms = list(dict.fromkeys(_one_harm(each) for each in bad))
    return " or ".join(harms) if len(harms) < 3 else "do harm"  # noqa: PLR2004 - more do not read as a sentence


def _one_harm(reviewed: Reviewed) -> str:
    dangers = [each for each in reviewed.findings if each.severity == "danger" and each.allowed is None]
    if any(blocked(finding) for finding in dangers):
        return "stop people working"
    if reviewed.trip and reviewed.trip.up.error:
        return "hang" if reviewed.trip.up.is_stopped else "fail"
    return "do harm"


def ground(review: Review) -> Iterator[str]:
    """Say what a review stands on, and what it cannot know, a sentence each."""
    on = review.ground
    base = on.base if " " in on.base else f"`{on.base}`"
    built = f"the base, {base} ({plural(on.base_migrations, 'migration')})"
    if on.server is None and not review.migrations:
        yield f"Compared with {built}."
        return
    if on.server is None:
        yield sentence(f"read without a server: {on.why_static or 'none was to be had'}")
        yield f"Compared with {built}. Locks, work, the rows and the way down were not measured."
        return
    yield f"Run on {on.server}. The base, {base}, was built from {plural(on.base_migrations, 'migration')}."
    if on.tables:
        yield f"{on.filled:,} of {plural(on.tables, 'table')} of it had rows: made by us, not production's."
    if on.unfilled:
        yield "Without rows: " + _some([f"`{short(table)}` ({why})" for table, why in on.unfilled]) + "."
    if on.stub_roles:
        yield "Roles that were made for it: " + _some([f"`{role}`" for role in on.stub_roles]) + "."
    sizes = "" if on.has_sizes else ", how large its tables are"
    yield f"It cannot know: production's data{sizes}, its traffic, extensions that are missing here."


def _some(words: Sequence[str], most: int = 5) -> str:
    more = f" and {len(words) - most:,} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def statement(done: FileRun, facts: StatementFacts) -> Statement | None:
    """Give the statement that was measured; statements are numbered from 1."""
    index = facts.number - 1
    return done.script.statements[index] if 0 <= index < len(done.script.statements) else None
