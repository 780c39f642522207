"""The output of a run without a terminal, with progress lines at durations that the test chooses."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace

from project import Project

from sqlmigrate.database.activity import Activity
from sqlmigrate.executor.events import Event, Finished, Progress
from sqlmigrate.output.report import Report
from sqlmigrate.output.run_report import RunReport


def told_in_lines(
    project: Project, when: Callable[[Activity], object], seconds: Sequence[float], release: Callable[[], object]
) -> str:
    """Execute what is pending, and return the output.

    Args:
        project: The folder and its database.
        when: Says whether a look at the running statement shows what the test waits for.
        seconds: The first such look is reported once for each of these durations. No other look is reported.
        release: Lets the statement go on; called after the first such look.
    """
    stream = io.TextIOWrapper(io.BytesIO())
    with redirect_stdout(stream), redirect_stderr(stream):
        report = Report("sql")
        running = RunReport(report)
        executed, is_released = [], False
        for event in project.running_up(tick=0.1):
            for each in _told(event, [] if is_released else seconds, when):
                running.tell(each)
            if isinstance(event, Progress) and not is_released and when(event.activity):
                is_released = True
                release()
            executed += [event.step] if isinstance(event, Finished) else []
        running.ended(executed, None)
        report.close()
    stream.seek(0)
    return stream.read()


def _told(event: Event, seconds: Sequence[float], when: Callable[[Activity], object]) -> list[Event]:
    if not isinstance(event, Progress):
        return [event]
    return [replace(event, duration_ms=round(each * 1000)) for each in seconds if when(event.activity)]
