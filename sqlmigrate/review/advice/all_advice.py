"""The advice of every rule, and the findings of a review with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from sqlmigrate.catalog.objects import Catalog
from sqlmigrate.errors import MigrationError
from sqlmigrate.files.migration import Migration
from sqlmigrate.files.naming import version_number
from sqlmigrate.identifiers import QUALIFIED, last_part
from sqlmigrate.parsing.script import Script
from sqlmigrate.parsing.splitter import split
from sqlmigrate.review.findings.listing import listed
from sqlmigrate.review.findings.subject import Subject
from sqlmigrate.review.measure.facts import FileRun, RoundTrip
from sqlmigrate.review.results import Reviewed
from sqlmigrate.source import Source

from . import (
    altered,
    constraints,
    copied_back,
    down,
    failures,
    guarantees,
    indexes,
    locks,
    merged_files,
    partitions,
    removed,
    replaced,
    rewrites,
)
from .case import Case
from .combined import Combined, combined
from .draft import Draft
from .written import written

Advice = Callable[[Case], Draft | None]

ADVICE: Mapping[str, Advice] = MappingProxyType(
    {
        "work-under-lock": locks.work_later,
        "locks-other-table": locks.alone,
        "two-exclusive-tables": locks.one_table_each,
        "lock-table": locks.without_lock_table,
        "lock-timeout-missing": locks.without_lock_timeout,
        "bulk-dml": locks.in_batches,
        "hidden-writes": locks.named_writes,
        "refresh-matview-blocking": locks.refresh,
        "create-index-blocking": indexes.create_index,
        "partitioned-index-blocking": indexes.create_partitioned,
        "concurrently-on-partitioned": indexes.create_partitioned,
        "create-index-if-not-exists-locks": indexes.without_existing,
        "invalid-index-left": indexes.rebuilt,
        "cic-waits-for-old-snapshots": locks.without_lock_timeout,
        "drop-index-blocking": indexes.drop_index,
        "reindex-blocking": indexes.reindex,
        "unique-constraint-builds-index": indexes.unique_constraint,
        "primary-key-implies-not-null": indexes.primary_key,
        "fk-without-index": indexes.index_of_key,
        "down-blocks": indexes.blocking_in_down,
        "set-not-null-scan": constraints.set_not_null,
        "constraint-without-not-valid": constraints.not_valid,
        "foreign-key-without-not-valid": constraints.not_valid,
        "add-column-check-scan": constraints.not_valid,
        "validate-same-transaction": constraints.validate_later,
        "domain-constraint-scan": constraints.domain,
        "add-column-volatile-default": rewrites.new_column,
        "add-column-serial": rewrites.new_column,
        "add-column-stored-generated": rewrites.new_column,
        "add-column-constrained-domain": rewrites.new_column,
        "type-change-rewrite": rewrites.new_type,
        "rewrite-outside-utc": rewrites.in_utc,
        "type-change-index-rebuild": rewrites.index_around,
        "type-change-constraint-recheck": rewrites.recheck_later,
        "vacuum-full-cluster": rewrites.plain_vacuum,
        "attach-partition-scan": partitions.attach,
        "default-partition-scan": partitions.beside_default,
        "create-partition-of-locks-parent": partitions.create,
        "detach-partition-blocking": partitions.detach,
        "drop-partition-locks-parent": partitions.drop,
        "created-again": constraints.renamed,
        "not-in-transaction": failures.outside_transaction,
        "transaction-control-in-file": failures.one_transaction_each,
        "enum-value-used-in-same-transaction": failures.label_first,
        "add-column-not-null-no-default": failures.with_default,
        "drop-table": removed.when_unused,
        "drop-column": removed.drop_column,
        "drop-view": removed.when_unused,
        "drop-function": removed.when_unused,
        "drop-type": removed.when_unused,
        "rename-table": removed.renamed_table,
        "rename-column": removed.renamed_column,
        "rename-enum-value": removed.second_label,
        "set-schema": removed.renamed_table,
        "rename-schema": removed.second_schema,
        "cascade-drops-dependents": removed.named_drops,
        "rows-lost": removed.kept_rows,
        "column-default-removed": altered.when_always_set,
        "new-not-null-without-default": altered.when_always_set,
        "grants-lost": altered.granted_again,
        "owner-changed": altered.rights_for_owner,
        "sequence-behind-data": altered.sequence_set,
        "column-not-copied": replaced.with_all_columns,
        "index-not-copied": guarantees.given_to_new_table,
        "check-removed": guarantees.given_to_new_table,
        "check-replaced": guarantees.when_not_relied_on,
        "foreign-key-removed": guarantees.when_not_relied_on,
        "policy-changed": guarantees.when_not_relied_on,
        "rights-revoked": guarantees.when_not_relied_on,
        "trigger-removed": guarantees.when_not_relied_on,
        "unique-removed": guarantees.given_to_new_table,
        "replica-identity-missing": guarantees.whole_rows_as_identity,
        "view-security-changed": guarantees.same_options,
        "refers-to-old-table": guarantees.keys_to_new_table,
        "down-missing": down.missing,
        "down-fails": down.instead,
        "down-incomplete": down.completed,
        "data-not-restored": down.kept_values,
        "down-loses-new-data": copied_back.before_the_swap_back,
        "allow-without-need": merged_files.without_exception,
    }
)
"""What writes the advice of a rule, by the name of the rule."""


@dataclass(frozen=True)
class Folder:
    """What all advice of a review has in common.

    Attributes:
        newest: the newest version of the folder, merged or new
        version: the version of the shadow server, as 180004; 0 if nothing was executed
    """

    newest: str
    version: int


def newest(*migrations: Migration) -> str:
    """Return the newest version of some migrations."""
    return max((each.version for each in migrations), key=version_number)


def with_advice(reviewed: Sequence[Reviewed], folder: Folder) -> tuple[Reviewed, ...]:
    """Give the findings of each migration what to write instead; those of one rule have the same text.

    The further files have numbers of their own in the whole review: no two advices name the same new file.
    """
    pairs = [(number, advice) for number, each in enumerate(reviewed) for advice in _advices(each, folder.version)]
    texts: dict[tuple[int, str], str] = {}
    last = folder.newest
    for number, advice in sorted(pairs, key=lambda pair: pair[1].is_of_notes):  # some reports leave those of notes out
        text, last = written(_with_order(advice.draft, reviewed[number + 1 :]), reviewed[number], last)
        texts |= {(number, rule): text for rule in advice.rules}
    return tuple(_with_texts(each, number, texts) for number, each in enumerate(reviewed))


def _with_texts(reviewed: Reviewed, number: int, texts: Mapping[tuple[int, str], str]) -> Reviewed:
    findings = (
        each if each.allowed is not None else replace(each, instead=texts.get((number, each.rule.name), ""))
        for each in reviewed.findings
    )
    return replace(reviewed, findings=tuple(findings))


def _advices(reviewed: Reviewed, version: int) -> list[Combined]:
    """Return the advices for one migration, in the order of its findings."""
    script = reviewed.up or _unexecuted(reviewed.migration.up)
    open_ones = [each for each in reviewed.findings if each.allowed is None]
    if script is None or not open_ones:
        return []
    trip = reviewed.trip or RoundTrip(Catalog({}), FileRun("up", script, ()))
    subject = Subject(reviewed.migration, script, trip, {}, version)
    drafts = []
    for name in dict.fromkeys(each.rule.name for each in open_ones):
        own = tuple(each for each in open_ones if each.rule.name == name)
        case = Case(subject, reviewed.down, own)
        if name in ADVICE and (draft := ADVICE[name](case)):
            drafts.append((case, draft))
    return combined(drafts, reviewed)


def _with_order(draft: Draft, following: Sequence[Reviewed]) -> Draft:
    """Say which new migrations that follow need what the draft creates later, so that their version is too low."""
    made = [last_part(found["name"]) for pair in draft.later for found in _CREATES.finditer(pair.up)]
    needing = [
        each.migration.label
        for each in following
        if any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", each.migration.up.text) for name in made)
    ]
    if not needing:
        return draft
    sentence = f"give {listed(needing)} a higher version than these files: what they create is used there"
    return replace(draft, before=(*draft.before, sentence))


_CREATES = re.compile(
    rf"(?:\bcreate\s+(?:or\s+replace\s+)?(?:materialized\s+)?(?:table|type|view|sequence|function|procedure|schema|domain)"
    rf"|\badd\s+column|\brename\s+(?:column\s+\S+\s+)?to)\s+(?:if\s+not\s+exists\s+)?(?P<name>{QUALIFIED})",
    re.IGNORECASE,
)


def _unexecuted(source: Source) -> Script | None:
    """Return a file that cannot be executed as it is; None if it cannot even be split."""
    try:
        return Script(source, tuple(split(source)), "transaction")
    except MigrationError:
        return None
