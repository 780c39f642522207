"""The words of a review, the same in every format: strongest lock, who waits, what down does, the verdict.

Names of database objects are put between backticks.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from sqlmigrate.identifiers import displayed, parts
from sqlmigrate.parsing.statement import Statement
from sqlmigrate.review.findings.differences import whole
from sqlmigrate.review.findings.listing import partition_parents
from sqlmigrate.review.measure.facts import FileRun, RelationEffect, RoundTrip, StatementFacts
from sqlmigrate.review.measure.lock_modes import blocks, rank
from sqlmigrate.review.results import Basis, Review, Reviewed
from sqlmigrate.review.rules import down
from sqlmigrate.review.rules.rule import SEVERITIES, Finding, Severity, worst
from sqlmigrate.spelling import plural, some

MARKS: dict[Severity | None, str] = {"danger": "❗", "warning": "⚠️", "note": "💡", None: "✅"}
_INNER = ("constraint", "index", "trigger", "policy", "rule")  # shown without the name of their table
_MOST_NAMED = 5
_EVERYTHING = "restores everything"
_DOWN_RULES = frozenset(rule.name for rule in down.RULES)


def sentence(text: str) -> str:
    """Return a text as a sentence: with a capital first letter and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?", ":", ";")) else ".") if text else ""


def last(kind: str, name: str) -> str:
    """Return the name of an object as sentences use it: ``orders``, ``orders.total``, ``orders_total_check``."""
    if kind.endswith(_INNER):
        return parts(name)[-1] if name else ""
    return displayed(name)


def major(basis: Basis) -> int:
    """Return the major version of the review's server; 99 if there was no server, so that newest syntax is shown."""
    return basis.major or 99


class Lock(NamedTuple):
    """The strongest lock that a file takes on a table that existed before it.

    Attributes:
        statement: the statement that takes the lock
        touch: what that statement does to the locked table
        work: the scan, rewrite, build or write done while the lock is held; None if there is none
        is_requested: whether a LOCK statement takes the lock, which is then held until the file's end
    """

    statement: StatementFacts
    touch: RelationEffect
    work: RelationEffect | None
    is_requested: bool = False

    @property
    def blocks(self) -> Literal["everyone", "writers", "nobody"]:
        """Who waits for longer than an instant because of this lock."""
        return self.waiting if self.work or self.is_requested else "nobody"

    @property
    def waiting(self) -> Literal["everyone", "writers", "nobody"]:
        """Who waits because of this lock, for however long."""
        return blocks(self.touch.mode)


def strongest(done: FileRun) -> Lock | None:
    """Return the strongest lock on an existing table; of two equal locks, the one held during more work."""
    return max(_locks(done), key=_strength, default=None)


def locks_of_tables(done: FileRun) -> list[Lock]:
    """Return the locks on existing tables and views that others wait for, in the order of the file.

    Of each table, the strongest lock that is held during work comes first, and then a stronger one for an instant.
    """
    found: dict[tuple[int, bool], Lock] = {}
    for lock in _locks(done):
        if lock.touch.relation.kind != "sequence" and blocks(lock.touch.mode) != "nobody":
            key = lock.touch.relation.oid, lock.blocks == "nobody"
            found[key] = max(found.get(key, lock), lock, key=_strength)
    return [
        lock
        for (oid, is_short), lock in found.items()
        if not (is_short and (oid, False) in found and lock.waiting == found[oid, False].waiting)
    ]


_Earliest = dict[int | str | None, tuple[tuple[int, int], RelationEffect]]
"""The first work from a statement on, with its place: on a relation (its OID), on an index of a table, or on any."""


def _locks(done: FileRun) -> Iterator[Lock]:
    found: list[list[Lock]] = []
    earliest: _Earliest = {}
    for index in reversed(range(len(done.statements))):
        facts = done.statements[index]
        _note_work(index, facts, earliest)
        seen = earliest
        if facts.is_alone:
            _note_work(index, facts, seen := {})
        is_requested = _is_lock_statement(done, facts)
        touches = [touch for touch in facts.touches if touch.relation.kind != "index"]
        found.append([Lock(facts, touch, _work(touch, seen), is_requested) for touch in touches])
    return itertools.chain.from_iterable(reversed(found))


def _note_work(index: int, facts: StatementFacts, earliest: _Earliest) -> None:
    """Enter the work of a statement; later statements were entered before it."""
    for number, touch in reversed([*enumerate(facts.touches)]):
        if touch.is_work or touch.written:
            earliest[None] = earliest[touch.relation.oid] = (index, number), touch
            if touch.relation.kind == "index":
                earliest[touch.relation.table] = (index, number), touch


def _strength(lock: Lock) -> tuple[int, int, bool, bool, int]:
    is_own = lock.work is lock.touch
    return rank(lock.touch.mode), _weight(lock.work), lock.is_requested, is_own, -lock.statement.number


def _is_lock_statement(done: FileRun, facts: StatementFacts) -> bool:
    found = statement(done, facts)
    return found is not None and found.text[:4].upper() == "LOCK"


def _weight(work: RelationEffect | None) -> int:
    return 0 if work is None else 3 if work.rewritten else 2 if work.is_work else 1


def _work(touch: RelationEffect, earliest: _Earliest) -> RelationEffect | None:
    """Return the work done while a lock is held: on the locked table, or else on another one."""
    if touch.is_work or touch.written:
        return touch
    if blocks(touch.mode) == "nobody":
        return None
    own = [earliest[key] for key in (touch.relation.oid, touch.relation.name) if key in earliest]
    found = min(own, key=lambda each: each[0]) if own else earliest.get(None)
    return found[1] if found else None


def lock_words(lock: Lock) -> str:
    """Describe a lock: ``ACCESS EXCLUSIVE on `orders` while it is rewritten``."""
    said = _bare(lock)
    if lock.work and (lock.touch.written or blocks(lock.touch.mode) != "nobody"):
        return f"{said} while {_work_words(lock.touch, lock.work)}"
    if blocks(lock.touch.mode) == "nobody":
        return said
    return f"{said} until the file's end" if lock.is_requested else f"{said}, for an instant"


def _bare(lock: Lock) -> str:
    return f"{lock.touch.mode} on `{displayed(lock.touch.relation.name)}`"


def _work_words(touch: RelationEffect, work: RelationEffect) -> str:
    if work.relation.kind == "index":
        same = work.relation.table == touch.relation.name
        return "an index is rebuilt" if same else f"an index of `{displayed(work.relation.table or '')}` is rebuilt"
    same = work.relation.oid == touch.relation.oid
    name = "it" if same else f"`{displayed(work.relation.name)}`"
    if work.rewritten:
        return f"{name} is rewritten"
    if work.built:
        return "an index is built" if same else f"an index on {name} is built"
    return f"{name} is scanned" if work.scanned else "rows are written" if same else f"rows of {name} are written"


def strongest_words(reviewed: Reviewed) -> str:
    """Describe the strongest lock of a migration's up file."""
    if reviewed.trip is None:
        return "not measured"
    up = reviewed.trip.up
    lock = strongest(up)
    if lock is None and _commits_inside(reviewed):
        return "only partly measured: the file commits by itself"
    if up.error and (lock is None or lock.work is None or lock.blocks == "nobody"):
        fails = f"statement {up.failed_at} fails" if up.failed_at else "the file fails"
        return f"{_bare(lock)}, then {fails}" if lock else f"unknown: {fails}"
    said = lock_words(lock) if lock else "no lock on existing tables"
    failure = reviewed.trip.certain_failure("up")
    left_out = "".join(f"; statement {number} was left out" for number in reviewed.trip.left_out)
    return f"{said}; statement {failure.number} fails" if failure else said + left_out


def blocked(finding: Finding) -> str:
    """Return who waits because of a finding; an empty text if none does."""
    return "" if finding.waits == "nobody" else finding.waits


def who_waits(reviewed: Reviewed) -> str:
    """Return who waits for the up file, and for how long if a finding estimates it; ``nobody`` if none does.

    It never contradicts a finding below it: a short lock lets no one wait, unless a finding says who does.
    """
    told = [each for each in reviewed.findings if blocked(each) and each.rule.name not in _DOWN_RULES]
    if estimated := [each for each in told if each.seconds is not None]:
        return max(estimated, key=lambda each: (each.seconds or 0.0, -SEVERITIES.index(each.severity))).waits
    if reviewed.trip is None:
        return "not measured"
    lock = strongest(reviewed.trip.up)
    found = {lock.blocks if lock else "nobody", *(each.waits for each in told)}
    who = next((each for each in ("everyone", "writers") if each in found), "nobody")
    is_whole = not reviewed.trip.up.error and not reviewed.trip.left_out and not _commits_inside(reviewed)
    return who if is_whole or who != "nobody" else "unknown"


def _commits_inside(reviewed: Reviewed) -> bool:
    """Return whether the file commits by itself, so that it was only partly measured."""
    return any(finding.rule.name == "commits-inside" for finding in reviewed.findings)


def down_words(reviewed: Reviewed) -> str:
    """Describe what the down file does: ``restores everything``, ``leaves `orders_total_check` behind``, ``fails``."""
    if reviewed.migration.down is None:
        why = reviewed.up.irreversible if reviewed.up else None
        return f"irreversible: {why}" if why else "no down file"
    trip = reviewed.trip
    if trip is None or trip.up.error or trip.down is None:
        return "not tried"
    if trip.down.error:
        return "hits the timeout" if trip.down.is_stopped else "fails"
    if trip.certain_failure("down"):
        return "fails"
    said = _restored(trip)
    lost = [
        each.about for each in reviewed.findings if each.rule is down.DOWN_LOSES_NEW_DATA and each.severity != "note"
    ]
    if said != _EVERYTHING or not lost:
        return said
    return f"{said} but what was written since to `{lost[0]}`" + (f" and {len(lost) - 1:,} more" * (len(lost) > 1))


def down_clause(reviewed: Reviewed) -> str:
    """Describe what the down file does, with a subject: ``down restores everything``, ``no down file``."""
    said = down_words(reviewed)
    return said if reviewed.migration.down is None else f"down {said}"


def _restored(trip: RoundTrip) -> str:
    for words in (_left(trip), [f"{how} rows of `{displayed(table)}`" for table, how in rows_changed(trip)]):
        if words:
            return words[0] + (f" and {len(words) - 1:,} more" if len(words) > 1 else "")
    if any(each.change == "column order" for each in trip.left):
        return "restores all but the column order"
    if trip.again_error:
        return "restores everything, but a second up fails"
    if any(each.matters for each in trip.again):
        return "restores everything, but a second up ends differently"
    return "; ".join([_EVERYTHING, *itertools.islice(_kept(trip), 1)])


def _kept(trip: RoundTrip) -> Iterator[str]:
    """Describe the differences that do not matter: a label that stays, a constraint that is validated or is not."""
    for each in trip.left:
        if labels := each.added_labels:
            yield f"`{displayed(each.name)}` keeps its new {'label' if len(labels) == 1 else 'labels'}"
        elif each.is_only_validation:
            name = last(each.kind, each.name)
            yield f"`{name}` stays validated" if each.is_validated_now else f"`{name}` is NOT VALID"


def _left(trip: RoundTrip) -> list[str]:
    said = {"left over": "leaves `{}` behind", "missing": "does not restore `{}`", "different": "leaves `{}` changed"}
    parents = partition_parents(trip.before, trip.after)
    left = whole([each for each in trip.left if each.matters], parents)
    return [said[each.change].format(last(each.kind, each.name)) for each in left]


def rows_changed(trip: RoundTrip) -> list[tuple[str, Literal["loses", "changes"]]]:
    """Return the tables whose rows differ after up and down, and how."""
    changed: list[tuple[str, Literal["loses", "changes"]]] = []
    unknown = {name for each in trip.row_failures if each.direction == "down" for name in each.tables}
    for table, before in trip.rows_before.items() if trip.down and not trip.down.error else ():
        back = trip.rows_back.get(table)
        if displayed(table) in unknown:  # the review itself has deleted some
            continue
        if not trip.is_old(before.oid):  # no data of production
            changed += [(table, "changes")] if trip.is_filled_twice(table) else []
        elif back is None or back.count < before.count:
            changed.append((table, "loses"))
        elif back.checksum != before.checksum:
            changed.append((table, "changes"))
    return changed


def severity(reviewed: Reviewed) -> Severity | None:
    """Return the severity of a migration; None if it is safe, which it is with notes too."""
    found = worst(reviewed.findings)
    return None if found == "note" else found


def verdict(review: Review) -> tuple[Severity | None, str]:
    """Return the severity of the whole review, and one sentence about it."""
    count = len(review.migrations)
    news = f"of {plural(count, 'new migration')}"
    bad = [each for each in review.migrations if severity(each) == "danger"]
    own = worst(review.findings)
    if bad:
        more = ", and the folder has to be fixed" if own == "danger" else ""
        return "danger", f"{len(bad):,} {news} would {_harm(bad)}{more}"
    if own == "danger":
        return "danger", f"the folder has to be fixed: {plural(_open(review.findings, 'danger'), 'finding')}"
    doubtful = [each for each in review.migrations if severity(each) == "warning"]
    if doubtful:
        needs = "needs" if len(doubtful) == 1 else "need"
        return "warning", f"{len(doubtful):,} {news} {needs} a second look"
    if own == "warning":
        return "warning", f"the folder needs a second look: {plural(_open(review.findings, 'warning'), 'finding')}"
    return None, _fine(review)


def _open(findings: Sequence[Finding], gravity: Severity) -> int:
    return sum(finding.severity == gravity and finding.allowed is None for finding in findings)


def _fine(review: Review) -> str:
    if not review.migrations:
        return "no new migrations"
    has_allowed = any(finding.allowed is not None for each in review.migrations for finding in each.findings)
    notes = _open([*review.findings, *(finding for each in review.migrations for finding in each.findings)], "note")
    found = f"no warnings, {plural(notes, 'note')}" if notes else "no findings"
    said = f"{plural(len(review.migrations), 'new migration')}: {found}" + (" except allowed ones" * has_allowed)
    return said if review.basis.server else f"{said}, but nothing was executed"


def _harm(bad: Sequence[Reviewed]) -> str:
    """Describe what dangerous migrations would do, in words that are true of all of them."""
    harms = list(dict.fromkeys(_one_harm(each) for each in bad))
    return " or ".join(harms) if len(harms) < 3 else "do damage"  # noqa: PLR2004 - more do not read as a sentence


def _one_harm(reviewed: Reviewed) -> str:
    dangers = [each for each in reviewed.findings if each.severity == "danger" and each.allowed is None]
    if any(blocked(finding) for finding in dangers):
        return "block production"
    if reviewed.trip and reviewed.trip.up.error:
        return "hit the timeout" if reviewed.trip.up.is_stopped else "fail"
    if reviewed.trip and reviewed.trip.certain_failure("up"):
        return "fail"
    down = reviewed.migration.down.path if reviewed.migration.down else None
    is_of_down = all(each.rule.name in _DOWN_RULES or each.path == down for each in dangers)
    return "not roll back cleanly" if is_of_down else "do damage"


def basis(review: Review) -> Iterator[str]:
    """Describe what a review is based on and what it did not check, one sentence each."""
    on = review.basis
    base = _base(on)
    if on.server is None:
        if review.migrations:
            yield sentence(f"nothing was executed: {on.why_static or 'there is no server'}")
        yield base
        yield from on.proven
        if review.migrations:
            yield "Not checked: locks, rewrites, rows, the down files."
        return
    yield f"Executed on {on.server}. {base}"
    if on.left_out:
        parts = [f"`{each.label}` ({each.reason})" for each in on.left_out]
        yield "Old files are executed as well as they can be; left out of the base: " + some(parts, _MOST_NAMED) + "."
    if on.own:
        yield f"{plural(on.own, 'table')} {'has' if on.own == 1 else 'have'} the rows of --seed."
    if on.tables:
        yield _filled(on)
    if on.unfilled:
        tables = [f"`{displayed(each.table)}` ({each.reason})" for each in on.unfilled]
        yield "Without rows: " + some(tables, _MOST_NAMED) + "."
    if on.stub_roles:
        yield "Roles created for the review: " + some([f"`{role}`" for role in on.stub_roles], _MOST_NAMED) + "."
    yield from on.proven
    if on.not_compared:
        yield on.not_compared
    unknown = "data and traffic" if on.has_sizes else "data, table sizes and traffic"
    yield f"Not checked: production's {unknown}; extensions that this server lacks."


def _base(on: Basis) -> str:
    """Describe what the new migrations were compared with; a base that is not a ref of git is described in words."""
    count = plural(on.base_migrations, "migration")
    if " " not in on.base:
        return f"The base, `{on.base}`, has {count}."
    if not on.base_migrations:
        return f"There are no migrations before the new ones ({on.base})."
    return f"The base is {on.base}: {count}."


def _filled(on: Basis) -> str:
    """Describe how many tables were filled; tables with rows of migrations or of `--seed` are not counted."""
    if on.filled < on.tables:
        return f"{on.filled:,} of {on.tables:,} empty tables were filled with generated rows."
    tables = {1: "The empty table was", 2: "Both empty tables were"}.get(
        on.tables, f"All {on.tables:,} empty tables were"
    )
    return f"{tables} filled with generated rows."


def statement(done: FileRun, facts: StatementFacts) -> Statement | None:
    """Return the statement that was measured; statements are numbered from 1."""
    index = facts.number - 1
    return done.script.statements[index] if 0 <= index < len(done.script.statements) else None
