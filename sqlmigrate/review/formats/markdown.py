"""A review as one comment of a pull request, in the Markdown of GitHub and GitLab.

It begins with a marker, so that a bot finds the comment again. The findings are a table; what helps with them is
folded, once a rule. Everything that comes from files, servers or users is escaped: it adds no HTML, mentions no user
and closes no code block. If the comment would be too long, parts are left out in this order: the SQL of the findings,
what to write instead, the rows of safe migrations, the notes, the last findings.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlmigrate.output.excerpt import printable
from sqlmigrate.review.results import Review, Reviewed
from sqlmigrate.review.rules.rule import INSTEAD
from sqlmigrate.spelling import plural

from . import located, wording
from .located import LocatedFinding
from .waiting import waits_words

MARKER = "<!-- sqlmigrate review -->"
LIMIT = 65_000
_LINES, _CHARACTERS = 40, 2_000  # of one statement
_SENTENCE = 1_500
_ROWS = 100  # of the table, if there is no room for all
_ACTIVE = re.compile(r"[\\`*\[\]~|]|(?<!\w)_|_(?!\w)")
_STARTS = re.compile(r"^(\s*)([#+>=-]|\d+[.)])")
_BAR = re.compile(r"(\\*)\|")
_SPAN = re.compile(r"`([^`\n]+)`")
_MENTION = re.compile(r"(?<!\w)([@#!$%&])(?=\w)|(?<=GH)-(?=\d)|(?<=:)//")


@dataclass(frozen=True)
class _Cut:
    """How much is shown; less and less is tried until the comment fits.

    Attributes:
        sql: whether findings show their SQL
        advice: whether findings show what to write instead
        safe: whether the table has the safe migrations
        notes: whether notes and allowed findings are listed
        findings: how many findings are shown; None for all
        rows: how many rows the table has; None for all
    """

    sql: bool = True
    advice: bool = True
    safe: bool = True
    notes: bool = True
    findings: int | None = None
    rows: int | None = None


def draw(review: Review) -> str:
    """Return the comment, of at most `LIMIT` characters."""
    cuts = [_Cut(), _Cut(sql=False), _Cut(sql=False, advice=False), _Cut(sql=False, advice=False, safe=False)]
    cuts.append(replace(cuts[-1], notes=False))
    for cut in cuts:
        drawn = _drawn(review, cut)
        if len(drawn) <= LIMIT:
            return drawn
    return _fewest(review, cuts[-1])


def _fewest(review: Review, cut: _Cut) -> str:
    """Return some rows and as many findings as fit, or fewer rows if not one finding fits."""
    cut = replace(cut, rows=_ROWS)
    findings = _most(len(located.open_findings(review)), lambda count: _fits(review, replace(cut, findings=count)))
    cut = replace(cut, findings=findings)
    rows = _ROWS if findings else _most(_ROWS, lambda count: _fits(review, replace(cut, rows=count)))
    return _drawn(review, replace(cut, rows=rows))


def _fits(review: Review, cut: _Cut) -> bool:
    return len(_drawn(review, cut)) <= LIMIT


def _most(high: int, fits: Callable[[int], bool]) -> int:
    """Return the greatest number that fits, found by halving; 0 if none does."""
    low = 0
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _drawn(review: Review, cut: _Cut) -> str:
    severity, said = wording.verdict(review)
    found = located.open_findings(review)
    graver = [each for each in found if each.severity != "note"]
    notes = [each for each in found if each.severity == "note"]
    shown = graver[: cut.findings]
    parts = [f"{MARKER}\n### {wording.MARKS[severity]} {prose(said)}\n"]
    parts += [_findings(shown)] if shown else []
    if len(shown) < len(graver):
        parts.append(f"… and {plural(len(graver) - len(shown), 'finding')} more, left out to keep this short.\n")
    parts += [_table(review, cut)] if review.migrations else []
    if cut.advice:
        rules = dict.fromkeys(each.finding.rule for each in shown)
        advised: dict[str, str] = {}
        parts += [_advice([each for each in shown if each.finding.rule == rule], cut, advised) for rule in rules]
    if cut.notes:
        parts += [_folded("note", [_note(each) for each in notes])] if notes else []
        allowed = located.allowed(review)
        parts += (
            [_folded("finding", [_exception(each) for each in allowed], " allowed by the files")] if allowed else []
        )
    parts.append("<sub>" + " ".join(prose(sentence) for sentence in wording.basis(review)) + "</sub>\n")
    return "\n".join(parts)


def _findings(shown: Sequence[LocatedFinding]) -> str:
    """Return the table of findings, each with the page of its rule."""
    lines = ["| | finding | where | who waits |", "|---|---|---|---|"]
    for each in shown:
        rule = f"[{each.finding.rule.name}]({each.finding.rule.documentation})"
        message = f"{prose(wording.sentence(each.finding.message))} {rule}"
        cells = [wording.MARKS[each.severity], message, _place(each), prose(wording.blocked(each.finding))]
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _place(each: LocatedFinding) -> str:
    """Return the place, as a link to the lines where the site shows them."""
    return f"[{prose(each.root_place)}]({each.url})" if each.url else prose(each.root_place)


def _advice(findings: Sequence[LocatedFinding], cut: _Cut, advised: dict[str, str]) -> str:
    """Return what helps with the findings of one rule, folded: the statements, what to do, what to write instead.

    `advised` has the rule that shows a text of what to write instead; this one is added.
    """
    first = findings[0]
    rule = first.finding.rule
    parts = [f"<details><summary>{wording.MARKS[first.severity]} {rule.name}: {rule.title}</summary>", prose(rule.why)]
    for each in findings:
        if cut.sql and each.sql:
            parts.append(f"{_place(each)}:\n\n{fence(each.sql)}")
        if each.finding.what_now:
            advice, *commands = each.finding.what_now.splitlines()
            parts.append(" ".join([f"**What now:** {prose(advice)}", *map(code, commands)]))
    for instead in dict.fromkeys(each.finding.instead for each in findings if each.finding.instead):
        other = advised.setdefault(instead, rule.name)
        text = f"\n\n{fence(instead, is_cut=False)}" if other == rule.name else f" as above, for {code(other)}"
        parts.append(f"**{wording.sentence(INSTEAD + ':')}**{text}")
    if first.exception:
        parts.append(f"To allow it, {first.exception_place}: {code(first.exception)}")
    return "\n\n".join([*parts, "</details>"]) + "\n"


def _table(review: Review, cut: _Cut) -> str:
    rows = [each for each in review.migrations if cut.safe or wording.severity(each)]
    left_out = len(review.migrations) - len(rows)
    shown = rows[: cut.rows]
    lines = ["| | migration | strongest lock | who waits | down |", "|---|---|---|---|---|"] if shown else []
    lines += [_row(each) for each in shown]
    if left_out:
        lines += ["", f"{plural(left_out, 'safe migration')} left out to keep this short."]
    if len(shown) < len(rows):
        lines += [
            "",
            f"{plural(len(rows) - len(shown), 'migration')} with findings left out to keep this short.",
        ]
    return "\n".join(lines) + "\n"


def _row(reviewed: Reviewed) -> str:
    mark = wording.MARKS[wording.severity(reviewed)]
    facts = (wording.strongest_words(reviewed), waits_words(reviewed), wording.down_words(reviewed))
    cells = [mark, code(reviewed.migration.label), *(prose(fact, 300) for fact in facts)]
    return "| " + " | ".join(_cell(each) for each in cells) + " |"


def _cell(text: str) -> str:
    """Return a text as the cell of a table: bars are escaped, because they end a cell even between backticks."""
    return _BAR.sub(lambda bar: bar[0] if len(bar[1]) % 2 else f"{bar[1]}\\|", text)


def _note(each: LocatedFinding) -> str:
    return f"{each.finding.rule.name} · {_place(each)}: {prose(each.finding.message)}"


def _exception(each: LocatedFinding) -> str:
    return f"{each.finding.rule.name} · {_place(each)}: {prose(each.finding.allowed or '')}"


def _folded(noun: str, items: Sequence[str], more: str = "") -> str:
    lines = "\n".join(f"- {item}" for item in items)
    return f"<details><summary>{plural(len(items), noun)}{more}</summary>\n\n{lines}\n\n</details>\n"


def code(text: str) -> str:
    """Return a text as inline code, even if it has backticks."""
    text = " ".join(printable(text).split())
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    ticks = "`" * (longest + 1)
    blank = " " if longest else ""
    return f"{ticks}{blank}{text}{blank}{ticks}" if text else ""


def prose(text: str, most: int = _SENTENCE) -> str:
    """Return a sentence in which Markdown, HTML and the site find nothing to act on, except `code`."""
    text = " ".join(printable(text).split())
    text = text if len(text) <= most else text[: most - 1] + "…"
    made, position = "", 0
    for span in _SPAN.finditer(text):
        made += _plain(text[position : span.start()]) + code(span[1])
        position = span.end()
    return _STARTS.sub(r"\1\\\2", made + _plain(text[position:]))


def _plain(text: str) -> str:
    text = _MENTION.sub(lambda match: f"{match[0]}\u200b", text)
    text = _ACTIVE.sub(lambda match: "\\" + match[0], text)
    return html.escape(text, quote=False)


def fence(sql: str, *, is_cut: bool = True) -> str:
    """Return SQL as a code block that it cannot close; it is cut if it is long, unless it is to be pasted."""
    whole = [printable(line) for line in sql.replace("\r\n", "\n").replace("\r", "\n").strip("\n").split("\n")]
    text = "\n".join(whole[:_LINES])[:_CHARACTERS].rstrip() if is_cut else "\n".join(whole).rstrip()
    left = len(whole) - text.count("\n") - 1
    if left or len(text) < len("\n".join(whole).rstrip()):
        text += f"\n-- … {plural(left, 'line')} more" if left else " …"
    ticks = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 3)
    return f"{ticks}sql\n{text}\n{ticks}"
