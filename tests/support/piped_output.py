"""What a run says where there is no terminal, with its lines of long statements oftener than every ten seconds."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout

from project import Project

from sqlmigrate.output.report import Report


def told_in_lines(project: Project, seconds: float) -> str:
    """Execute what is pending, and give all that is said of it, a line of what is under way every so many seconds."""
    stream = io.TextIOWrapper(io.BytesIO())
    with redirect_stdout(stream), redirect_stderr(stream):
        report = Report("sqlmigrate", "sql", line_seconds=seconds)
        for event in project.running_up(tick=seconds / 2):
            report.tell(event)
        report.ended(None, [], rehearsed=False)
        report.close()
    stream.seek(0)
    return stream.read()
