"""What `fleet status`, `fleet verify` and `fleet drift` do: ask all targets, and show what they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlmigrate.cli.commands import none_found
from sqlmigrate.cli.context import EXIT_ATTENTION, EXIT_FAILED
from sqlmigrate.errors import ConfigError, ConnectError, gather
from sqlmigrate.files import folder
from sqlmigrate.files.migration import Folder, Migration
from sqlmigrate.output.report import without_edit
from sqlmigrate.plan.plan import Planned
from sqlmigrate.plan.up import faults_in, faults_of
from sqlmigrate.spelling import plural

from . import formats, html, inspection, standings
from .accepting import accept
from .agreeing import Known
from .call import Call
from .inspection import Standing, Verified
from .pages import write
from .results import grouped
from .target import Target
from .typed import next_line


def status(call: Call) -> int:
    """Show where all targets stand, and return the exit code."""
    report = call.context.report

    def tell(target: Target, answer: tuple[Standing, Planned | None]) -> None:
        if report.form == "json":
            report.json(formats.status_value(target, *answer, report.directory))

    answers = call.ask_each(lambda target: inspection.status(target, call.migrations, call.commands), tell)
    found = {name: standing for name, (standing, _) in answers.items()}
    empty = _empty_folder(call)
    notes = (*empty, *standings.notes_of(found))
    again = next((step for each in empty for step in each.next_steps), "") or _after_status(call, found)
    verify_again = call.typed.again("verify")
    differing = verify_again if standings.differ(found) and not empty and again != verify_again else ""
    report.json(formats.status_summary(found, notes, call.commands.ask_all))
    _show_status(call, found)
    report.folder_notes(notes, of_all=verify_again)
    if again:
        report.text(next_line(again))
    if again and differing:
        report.text([("", "      or, for what differs: "), ("cyan", differing)])
    if call.options["outputs"]:
        page = html.status_page(found, notes, call.for_page(again, differing), call.commands.ask_all)
        write(call.options["outputs"], page)
    if call.options["check"] and any(not standing.error and not standing.is_settled for standing in found.values()):
        return EXIT_ATTENTION
    return _worst(standing.error.exit_code for standing in found.values() if standing.error)


def _show_status(call: Call, found: Mapping[str, Standing]) -> None:
    """Show a table, why targets are not known or have failed, what is under way, and the counts; or one line."""
    report, causes = call.context.report, call.causes
    head, agreement = f"{report.directory} · {plural(len(found), 'target')}", standings.agreement(found)
    report.text(", ".join(filter(None, [head, agreement])))
    if agreement:
        return
    report.text("")
    for line in standings.standing_lines(found, causes):
        report.folded(line)
    troubles = standings.troubles(found, call.commands.ask_all)
    reasons = {"❌": troubles, "⚠️": standings.stops(found), "⏳": standings.runs(found)}
    if any(reasons.values()):
        report.text("")
    for mark, groups in reasons.items():
        causes.reasons(groups, mark, stream="stdout")
    report.text("", [("bold", standings.standing_total(found))])


def _empty_folder(call: Call) -> list[ConfigError]:
    if call.migrations or call.migrations.faults:
        return []
    return [call.typed.about_folder(none_found(call.context, call.migrations))]


def _after_status(call: Call, found: Mapping[str, Standing]) -> str:
    """Return the command to go on with; empty if there is nothing to do.

    Where no target is ready for `up`, `verify` says what is in its way.
    """
    if any(standing.run for standing in found.values()):
        return call.typed.again("status")
    if undoing := next((standing.undoing for standing in found.values() if standing.undoing), ""):
        return undoing  # before anything is executed: what is undone by half may be needed
    if any(standing.is_ready for standing in found.values()):
        return call.typed.again("up")
    if standings.differ(found) or any(each.failures or (each.pending and each.notes) for each in found.values()):
        return call.typed.again("verify")
    is_late = any(state == "out of order" for each in found.values() for state, _ in each.attention)
    return call.typed.again("up", (), ["--out-of-order"]) if is_late else ""


def verify(call: Call) -> int:
    """Show which targets differ from the files, and return the exit code."""
    report = call.context.report
    folder.require_read(call.migrations)
    if not call.migrations.faults:
        call.require_some()
    found = call.ask_each(lambda target: inspection.verify(target, call.migrations, call.commands))
    reached = {name: each.executed for name, each in found.items() if each.executed is not None}
    executed = _executed_by_all(call.migrations, list(reached.values()))
    faults = faults_of(call.migrations, executed)
    errors = [(name, error) for name, each in found.items() for error in each.errors]
    paths = {name: frozenset(each.up.path for each in executed) for name, executed in reached.items()}
    groups = grouped(errors, Known(paths, call.commands.ask_all))
    notes = [*call.migrations.notes, *map(without_edit, faults_in(executed))]
    report.json(formats.verify_value(found, groups, notes))
    if faults:
        report.error(gather(faults))
    if report.form == "text":
        call.causes.errors(groups)
        call.causes.reasons(grouped((name, stop) for name, each in found.items() for stop in each.stops), "⚠️")
        report.folder_notes(notes, most=len(notes))
    report.text([("bold", _agreeing(found, len(faults)))])
    return _worst([*(error.exit_code for _, error in errors), *(fault.exit_code for fault in faults)])


def _executed_by_all(migrations: Folder, executed: Sequence[Sequence[Migration]]) -> list[Migration]:
    """Return the migrations that all targets have executed as they are; none if no target was reached."""
    if not executed:
        return []
    everywhere = set.intersection(*(set(map(id, each)) for each in executed))
    return [each for each in migrations if id(each) in everywhere]


def _agreeing(found: Mapping[str, Verified], faults: int) -> str:
    """Count the targets that agree with the files, and those that do not; and the faults of the files."""
    differ = [each.errors for each in found.values() if each.errors]
    unreachable = sum(isinstance(errors[0], ConnectError) for errors in differ)
    unknown = sum(bool(each.stops) and not each.errors for each in found.values())
    agreeing = len(found) - len(differ) - unknown
    counts = {
        "do not": len(differ) - unreachable,
        "cannot be reached": unreachable,
        "with tables and without a history": unknown,
    }
    words = [f"{plural(agreeing, 'target')} agree{'s' * (agreeing == 1)} with the files"]
    words += [f"{count:,} {what}" for what, count in counts.items() if count]
    return " · ".join([*words, *([f"{plural(faults, 'fault')} in the files"] if faults else [])])


def drift(call: Call) -> int:
    """Show what was changed by hand in which targets, and return the exit code."""
    report, policy = call.context.report, call.context.drift
    found = call.ask_each(lambda target: inspection.drift(target, policy, call.commands))
    report.json(formats.drift_value(found))
    errors = [(name, answer.error) for name, answer in found.items() if answer.error]
    if report.form == "text":
        for line, indent in standings.drift_lines(found, call.causes):
            report.folded(line, indent)
        call.causes.reasons(grouped(errors))
        if errors:
            report.text("", stream="stderr")
    changed = sum(bool(answer.changes) for answer in found.values())
    words = f"{changed:,} of {plural(len(found), 'target')} changed by hand"
    report.text([("bold", " · ".join([words, *([f"{len(errors):,} not known"] if errors else [])]))])
    if call.options["accept"]:
        return _worst(error.exit_code for error in accept(call, found))
    if any(answer.is_acceptable for answer in found.values()):
        again = call.typed.again("drift", (), ["--accept"])
        report.text([("", "to expect the schemas as they are now: "), ("cyan", again)])
    if changed:
        return EXIT_FAILED
    return EXIT_ATTENTION if errors else 0


def _worst(codes: Iterable[int]) -> int:
    """Return 1 if one target failed, otherwise the highest code; 0 if there is none."""
    found = set(codes)
    return EXIT_FAILED if EXIT_FAILED in found else max(found, default=0)
