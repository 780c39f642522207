"""Who waits for a file, at its head: every table that is locked, and for whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlmigrate.identifiers import displayed
from sqlmigrate.review.findings.listing import listed, partition_parents, phrases
from sqlmigrate.review.measure.facts import RoundTrip
from sqlmigrate.review.results import Reviewed

from . import wording
from .wording import Lock

_NAMED = 4  # tables; of more, three are named


def waits_words(reviewed: Reviewed) -> str:
    """Describe who waits, for readers: everyone on one, for 4 min; for an instant: writers on another.

    Tables that another new migration creates are left out: no one uses them yet.
    """
    who = wording.who_waits(reviewed)
    if reviewed.trip is None or who == "unknown":
        return who
    return _locked(reviewed.trip, who) or ("no one" if who == "nobody" else who)


def _locked(trip: RoundTrip, who: str) -> str:
    """Name the tables that are locked while work is done, and those that are locked for an instant."""
    found = [lock for lock in wording.locks_of_tables(trip.up) if trip.is_old(lock.touch.relation.oid)]
    parents = partition_parents(trip.before)
    long = [lock for lock in found if lock.blocks != "nobody"]
    short = [lock for lock in found if lock.blocks == "nobody"]
    _, comma, time = who.partition(",")
    said = [_who_on(long, parents) + comma + time] if long else [who] if time else []
    if short:
        said.append(f"for an instant: {_who_on(short, parents)}")
    return "; ".join(said)


def _who_on(locks: Sequence[Lock], parents: Mapping[str, str]) -> str:
    groups: dict[str, list[str]] = {"everyone": [], "writers": []}
    for lock in locks:
        groups[lock.waiting].append(displayed(lock.touch.relation.name))
    told = ((who, phrases(tables, parents)) for who, tables in groups.items() if tables)
    return ", ".join(f"{who} on {listed(tables, _NAMED)}" for who, tables in told)
