"""What a run says where there is no terminal, with its lines of long statements oftener than every ten seconds."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout

from project import Project

from sqlmigrate.executor.events import Finished
from sqlmigrate.output.report import Report
from sqlmigrate.output.run_report import RunReport


def told_in_lines(project: Project, seconds: float) -> str:
    """Execute what is pending, and give all that is said of it, a line of what is under way every so many seconds."""
    stream = io.TextIOWrapper(io.BytesIO())
    with redirect_stdout(stream), redirect_stderr(stream):
        report = Report("sql")
        running = RunReport(report, line_seconds=seconds)
        executed = []
        for event in project.running_up(tick=seconds / 2):
            running.tell(event)
            executed += [event.step] if isinstance(event, Finished) else []
        running.ended(executed, None)
        report.close()
    stream.seek(0)
    return stream.read()
