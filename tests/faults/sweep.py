"""Runs are disturbed at every point: the connection is cut, the process or the server is killed, others run at once.

`python tests/faults/sweep.py` (`make faults`) tries every point; `--sample` (`make check`) some of each kind. A problem
is printed when it is found, with the command that tries its point again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import queue
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))  # also where it runs as a program of its own

import children
import postgres_servers
from eight_at_once import EightAtOnce
from in_flight import IN_FLIGHT
from points import Kind, Point, Site
from reruns import RERUNS
from server_killed import ServerKilled

KINDS: dict[str, Kind] = {kind.name: kind for kind in (*RERUNS, *IN_FLIGHT, ServerKilled(), EightAtOnce())}
_MOST_SECONDS = 240  # for one point: nothing hangs
_PROGRESS_SECONDS = 30


@dataclass(frozen=True)
class Tried:
    """A point that was tried.

    Attributes:
        point: The point.
        is_reached: Whether the run had not ended before.
        problem: What is wrong after it; empty if nothing is.
    """

    point: Point
    is_reached: bool
    problem: str = ""


def tried(site: Site, point: Point) -> Tried:
    """Try a point, and say what is wrong, if anything is."""
    try:
        return Tried(point, KINDS[point.kind].disturb(site, point))
    except Exception as error:  # noqa: BLE001 - every point is tried, and told of
        return Tried(point, is_reached=True, problem=f"{type(error).__name__}: {error}")


def _tried_in_time(site: Site, point: Point) -> Tried:
    """Try a point as `tried` does; what hangs is a problem."""

    def end(_number: int, _frame: object) -> None:
        children.kill_all()
        raise TimeoutError(f"it has not ended after {_MOST_SECONDS} s")

    signal.signal(signal.SIGALRM, end)
    signal.alarm(_MOST_SECONDS)
    try:
        return tried(site, point)
    finally:
        signal.alarm(0)


def _try_all(folder: Path, points: Sequence[Point], results: queue.Queue[Tried]) -> None:
    """Try some of the points on servers of our own."""
    with Site(folder) as site:
        for point in points:
            results.put(_tried_in_time(site, point))


def _results(shares: Sequence[Future[None]], results: queue.Queue[Tried]) -> Iterator[Tried]:
    while not all(share.done() for share in shares) or not results.empty():
        try:
            yield results.get(timeout=1)
        except queue.Empty:
            continue
    for share in shares:
        share.result()


def all_points(site: Site, kinds: Sequence[Kind], *, is_sample: bool) -> list[Point]:
    """Give the points of some kinds: all, or some of each."""
    return [point for kind in kinds for point in list(kind.points(site))[:: kind.sample if is_sample else 1]]


def sweep(kinds: Sequence[Kind], *, is_sample: bool) -> list[Tried]:
    """Try the points of some kinds on all processors, and print what is wrong as soon as it is known."""
    workers, done, told = os.cpu_count() or 1, list[Tried](), time.monotonic()
    with (
        postgres_servers.session_folder() as folder,
        multiprocessing.Manager() as manager,
        ProcessPoolExecutor(workers) as pool,
    ):
        with Site(folder / "counted") as site:
            points = all_points(site, kinds, is_sample=is_sample)
        print(f"faults: {len(points)} points", flush=True)
        results: queue.Queue[Tried] = manager.Queue()
        shares = [
            pool.submit(_try_all, folder / str(index), points[index::workers], results) for index in range(workers)
        ]
        for each in _results(shares, results):
            done.append(each)
            _tell(each)
            if time.monotonic() - told >= _PROGRESS_SECONDS:
                told = time.monotonic()
                print(f"faults: {len(done)} of {len(points)}, now {each.point}", flush=True)
    return done


def _tell(each: Tried) -> None:
    if each.problem:
        again = f"{os.path.relpath(sys.executable)} {sys.argv[0]} --point '{each.point}'"
        print(f"PROBLEM at {each.point}: {each.problem}\n  again: {again}", flush=True)


def again(points: Sequence[Point]) -> list[Tried]:
    """Try single points."""
    with postgres_servers.session_folder() as folder, Site(folder / "again") as site:
        done = []
        for point in points:
            done.append(_tried_in_time(site, point))
            _tell(done[-1])
        return done


def summary(done: Sequence[Tried], seconds: float) -> str:
    """Say in a line how many points there were, and how many have a problem."""
    ways = Counter((each.point.kind, each.point.how) for each in done)
    told = "; ".join(
        f"{name}: {', '.join(f'{count} {how}' for (kind, how), count in ways.items() if kind == name)}"
        for name in dict.fromkeys(kind for kind, _ in ways)
    )
    late, problems = sum(not each.is_reached for each in done), sum(bool(each.problem) for each in done)
    verdict = f"{problems} with a problem" if problems else "no problem"
    return f"faults: {len(done)} points ({told}), {late} of them after the end: {verdict}, {seconds:.0f} s"


def main() -> None:
    """Try every point, and say in the last line how many there were; the exit code is 1 if one has a problem."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", action="store_true", help="try some points of each kind")
    parser.add_argument("--kind", action="append", choices=KINDS, help="try only this kind; may be repeated")
    parser.add_argument("--point", action="append", type=Point.named, help="try only KIND,HOW,NUMBER; may be repeated")
    given = parser.parse_args()
    began = time.monotonic()
    kinds = [kind for name, kind in KINDS.items() if not given.kind or name in given.kind]
    done = again(given.point) if given.point else sweep(kinds, is_sample=given.sample)
    print(summary(done, time.monotonic() - began))
    sys.exit(1 if any(each.problem for each in done) else 0)


if __name__ == "__main__":
    os.environ.pop("DATABASE_URL", None)
    children.restore_default_signals()
    main()
