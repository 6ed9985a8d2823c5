# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document that people write together, in Markdown: questions to answer, and beside them what evidence says. No I/O.

Evidence stands between two comments, and is made anew each time. Everything else is people's, and no line of it is ever changed or taken
away, wherever they have moved it, and whatever they have done to the comments.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..module_utils._event import instant
from ..module_utils._node import shown

# What stands where people have not written anything yet.
OPEN = "[…]"
QUESTION = re.compile(r"<!-- question: ([a-z]+) -->")
BEGIN = re.compile(r"<!-- evidence: ([a-z]+) ([0-9a-f]{12}) -->")
END = re.compile(r"<!-- /evidence: ([a-z]+) -->")
ACTIONS = "actions"
_MOST_ROWS = 120
_MOST_LINES = 15
_LONGEST = 200
_READABLE = 48
_SECOND = 1_000_000
_BEFORE, _AFTER = 900 * _SECOND, 300 * _SECOND
_TELLS_LESS = {"login": 1, "sudo": 1, "logout": 2, "session": 2, "command": 3}
_MARKS = {"began": "**it began:** ", "told": "**others were told:** ", "restored": "**restored:** "}
_KEPT = "*Written into the evidence by people:*"

Data = Mapping[str, Any]
Lines = list[str]


@dataclass(frozen=True)
class Section:
    """A heading; what evidence has to say, by the name of its block; and questions, by their names."""

    title: str
    block: str = ""
    questions: Mapping[str, str] | None = None
    text: Sequence[str] = ()


SECTIONS = (
    Section(
        "What happened",
        "about",
        {"summary": "In two or three sentences that a stranger understands: what happened, and what did it mean for customers?"},
    ),
    Section(
        "What information and decisions led to it",
        "before",
        {
            "information": "What did people know, see and expect just before, and where did they have that from?",
            "sense": "Why did it make sense at that moment?",
            "others": "Who else could have done the same, or nearly has?",
        },
    ),
    Section(
        "The timeline, and what each understood at that time",
        "timeline",
        {
            "environment": "Which environment did each of them believe it was, and what told them so?",
            "prompt": "Was the prompt red, and did it help?",
            "guard": "Was a question answered before it was done, and how was that question understood?",
        },
    ),
    Section(
        "Gaps in communication",
        "communication",
        {"told": "Who needed to know and did not, or learned of it late? What would have told them?"},
    ),
    Section(
        "Gaps in defence",
        "defence",
        {
            "held": "Which defences held, which did not, and which was missing?",
            "recovered": "Is everything back? What is lost for good?",
        },
    ),
    Section(
        "Telling customers",
        questions={"plan": "Was there a plan to tell customers, and did it work?", "message": "The message to customers, as a draft"},
    ),
    Section(
        "Detected, mitigated, restored",
        "moments",
        {"detected": "How was it noticed, and what would have shown it sooner?"},
    ),
    Section(
        "What will be different",
        text=(
            "Each action has an owner, a date, and a way to see that it works. It changes what people work with, not who may work.",
            "",
            f"<!-- {ACTIONS} -->",
            "| action | owner | until | how it will be checked | done |",
            "|---|---|---|---|---|",
            f"| {OPEN} | | | | |",
        ),
    ),
    Section("Has something like it happened before?", "repeats"),
    Section("What is not known", "gaps"),
)
_DRAFT = (
    f"> On {{day}}, from {OPEN} to {OPEN} UTC, you could not {OPEN}. The cause was {OPEN}. Your data {OPEN}. We have {OPEN} so that it "
    "does not happen again."
)


def blocks(data: Data, repeats: Iterable[Data] = ()) -> dict[str, Lines]:
    """What evidence says, by the name of each block."""
    by_id = {event["id"]: event for event in data["events"]}
    moments = {name: by_id[number] for name, number in data["moments"].items()}
    return {
        "about": list(_about(data)),
        "before": list(_before(data, moments)),
        "timeline": list(_timeline(data, moments)),
        "communication": list(_communication(data, by_id, moments)),
        "defence": list(_defence(data, by_id, moments)),
        "moments": list(_moments(data, moments)),
        "repeats": list(_repeats(repeats)),
        "gaps": list(_gaps(data)),
    }


def document(data: Data, made: Mapping[str, Lines]) -> str:
    """A new document."""
    lines = [
        "---",
        f'title: "{data["title"].translate({34: 39, 92: 47})}"',
        f"from: {data['from'][:19]}Z",
        f"until: {data['until'][:19]}Z",
        "# The day on which everything here was agreed on, such as 2026-12-01. As long as it is empty, this is open.",
        "closed:",
        "---",
        "",
        f"# {data['title']}",
        "",
        "What information and decisions led to it, and what will be different? Nobody is looked for here: whoever did it did what made",
        "sense at that moment. Write what you know where the dots are. Evidence between comments is made anew by each run, all else is",
        "yours.",
    ]
    for section in SECTIONS:
        lines += ["", f"## {section.title}", ""]
        if section.block:
            lines += [*_block(section.block, made[section.block]), ""]
        for name, question in (section.questions or {}).items():
            answer = _DRAFT.format(day=data["from"][:10]) if name == "message" else OPEN
            lines += [f"### {question} <!-- question: {name} -->", "", answer, ""]
        lines += section.text
        while not lines[-1]:
            lines.pop()
    return "\n".join(lines) + "\n"


def merged(text: str, made: Mapping[str, Lines], before: Mapping[str, Lines]) -> str:
    """A document that people have written in, with new evidence. ``before`` is the evidence that was put there the last time."""
    left = dict.fromkeys(made, True)
    out: Lines = []
    lines = text.splitlines(keepends=True)
    place = 0
    while place < len(lines):
        begin = BEGIN.fullmatch(lines[place].strip())
        end = end_of(lines, place, begin[1]) if begin else None
        if begin is None or end is None or begin[1] not in made:
            # A comment that has lost its other half means nothing any more, and would mislead the next run.
            if begin is None and END.fullmatch(lines[place].strip()) is None:
                out.append(lines[place])
            place += 1
            continue
        name = begin[1]
        left[name] = False
        out += _ended(_block(name, made[name]))
        inside = [line.rstrip("\r\n") for line in lines[place + 1 : end]]
        if _hash(inside) != begin[2]:
            known = {line.strip() for line in (*before.get(name, ()), *made[name])}
            theirs = [line for line in lines[place + 1 : end] if line.strip() not in known]
            out += [*_ended(["", _KEPT, ""]), *theirs] if any(line.strip() for line in theirs) else []
        place = end + 1
    titles = {section.block: section.title for section in SECTIONS}
    for name in (name for name, is_left in left.items() if is_left):
        if out and not out[-1].endswith("\n"):
            out[-1] += "\n"
        out += _ended(["", f"## {titles[name]}: evidence", "", *_block(name, made[name])])
    return "".join(out)


def end_of(lines: Sequence[str], place: int, name: str) -> int | None:
    """Where the evidence that begins there ends; None where it does not, before other evidence begins."""
    for number in range(place + 1, len(lines)):
        line = lines[number].strip()
        end = END.fullmatch(line)
        if end or BEGIN.fullmatch(line):
            return number if end and end[1] == name else None
    return None


def _ended(lines: Iterable[str]) -> Lines:
    return [f"{line}\n" for line in lines]


def _block(name: str, lines: Lines) -> Lines:
    return [f"<!-- evidence: {name} {_hash(lines)} -->", *lines, f"<!-- /evidence: {name} -->"]


def _hash(lines: Iterable[str]) -> str:
    """What the evidence is known by, whatever an editor does to blanks at the ends of lines."""
    return hashlib.sha256("\n".join(line.rstrip() for line in lines).encode()).hexdigest()[:12]


# --- What evidence says ---------------------------------------------------------------------------------------------------


def code(text: str, most: int = _LONGEST) -> str:
    """Text of others, which Markdown and people see as nothing but text."""
    flat = shown(" ".join(text.split()), most).replace("|", "\\|")
    fence = "``" if "`" in flat else "`"
    return f"{fence} {flat} {fence}" if "`" in flat else f"{fence}{flat or ' '}{fence}"


def clock(time: str, day: str = "") -> str:
    """The time of day, with its day where that is another one."""
    return time[11:19] if time[:10] == day else f"{time[:10]} {time[11:19]}"


def seconds(count: int) -> str:
    """How long that is, in the two largest units."""
    parts: Lines = []
    for name, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if count >= size or (name == "s" and not parts):
            parts.append(f"{count // size} {name}")
            count %= size
    return " ".join(parts[:2])


def who(event: Data) -> str:
    """Who did it, and as whom."""
    person, user = event.get("person", ""), event.get("user", "")
    if not person:
        return user or "nobody known"
    return f"{person} as {user}" if user not in ("", person) else str(person)


def what(event: Data) -> str:
    """What an event says, in a few words of Markdown."""
    details = event.get("details", {})
    often = f" ({event['count']} alike)" if event.get("count", 1) > 1 else ""
    if event["kind"] == "guard":
        said = "answered yes" if not event.get("status") else "stopped"
        why = f", because {code(details['why'])}" if details.get("why") else ""
        target = f" ({code(details['target'])})" if details.get("target") else ""
        return f"was asked about {code(details.get('action') or event['what'])}{target}, and {said}{why}{often}"
    failed = f", status {event['status']}" if event.get("status") else ""
    return f"{event['kind'].replace('_', ' ')}: {code(event['what'])}{failed}{often}"


def _about(data: Data) -> Iterator[str]:
    read = [host for host in data["hosts"] if host["source"]]
    kinds = sorted({host["source"] for host in read})
    sources = " and ".join(
        {"collector": "the collector", "journal": "the journals of hosts, which root there can change"}[kind] for kind in kinds
    )
    yield f"- From {clock(data['from'])} to {clock(data['until'])}. All times are UTC. Made at {clock(data['made'])}."
    hosts = f"{len(read)} of {len(data['hosts'])} hosts"
    yield f"- {data['total']:,} events of {hosts}, from {sources or 'nowhere'}; the drawn timeline is `postmortem.html`."
    if data["people"]:
        people = ", ".join(data["people"][:_MOST_LINES]) + (
            f" and {len(data['people']) - _MOST_LINES} more" if len(data["people"]) > _MOST_LINES else ""
        )
        yield f"- People: {people}." + ("" if data["names"] else " They appear by what they do; the record has their names.")
    if data["gaps"]:
        yield f"- The evidence has {_counted(len(data['gaps']), 'gap')}: see the end."


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _before(data: Data, moments: Data) -> Iterator[str]:
    """What those who came upon it did just before, and what they had before their eyes."""
    began = moments.get("began")
    if began is None:
        yield "In this time the record has nothing that destroys data. What happened is for people to tell."
        return
    host: Data = next((host for host in data["hosts"] if host["name"] == began["host"]), {})
    yield f"It began at {clock(began['time'])} on {began['host']}: {who(began)}: {what(began)}."
    yield ""
    if host.get("label"):
        guards = ", ".join(host["guards"]) or "none"
        yield f"- Prompts on {began['host']} say {code(host['label'])} (environment {code(host['environment'])}); guards there: {guards}."
    else:
        yield f"- Nothing on {began['host']} says at its prompts which environment it is, or it could not be read."
    moment = instant(began["time"])
    near = [
        event
        for event in data["events"]
        if event.get("person") == began.get("person")
        and (event["host"] == began["host"] or event.get("heavy"))
        and event["id"] != began["id"]
        and -_BEFORE <= instant(event["time"]) - moment <= _AFTER
    ]
    # One line that somebody typed starts many programs; what was said and asked tells more.
    near.sort(key=lambda event: (_TELLS_LESS.get(event["kind"], 0), abs(instant(event["time"]) - moment)))
    chosen = sorted(near[:_MOST_LINES], key=lambda event: int(event["id"]))
    if chosen:
        yield f"- {began.get('person', 'It')} in the quarter of an hour before, and just after:"
        yield from (f"    - {clock(event['time'], began['time'][:10])} on {event['host']}: {what(event)}" for event in chosen)


def _timeline(data: Data, moments: Data) -> Iterator[str]:
    heavy = [event for event in data["events"] if event.get("heavy") and event["kind"] not in ("alarm", "recording")]
    moment = instant(moments["began"]["time"]) if "began" in moments else instant(data["until"])
    order = sorted(heavy, key=lambda event: (not event.get("dangers"), abs(instant(event["time"]) - moment)))
    day = data["from"][:10]
    names = {event["id"]: name for name, event in moments.items() if name in _MARKS}
    rows = [(event["time"], _row(event, day, names)) for event in order[:_MOST_ROWS]]
    gaps = [(gap["from"], f"| {clock(gap['from'], day)} | {code(gap['host'], 64)} | | {_gap(gap, day)} | |") for gap in data["gaps"]]
    rows = sorted(rows + gaps[:_MOST_ROWS])
    if not rows:
        yield "Nothing that stands out."
        return
    yield f"| time ({day}) | where | who | what | record |"
    yield "|---|---|---|---|---|"
    yield from (row for _time, row in rows)
    more = max(0, len(heavy) - _MOST_ROWS) + max(0, len(gaps) - _MOST_ROWS)
    yield ""
    yield (
        f"{_counted(more, 'more row')}, and what people ran besides, are in" if more else "What people ran besides is in"
    ) + " `postmortem.html`."


def _gap(gap: Data, day: str) -> str:
    if gap["kind"] == "record":
        return f"**the record itself:** {code(gap['why'])}"
    return f"**no evidence** until {clock(gap['until'], day)}: {code(gap['why'])}"


def _row(event: Data, day: str, names: Mapping[int, str]) -> str:
    mark = _MARKS.get(names.get(event["id"], ""), "")
    place = event.get("record", "")
    # The cursor of a journal is too long to read; the page has it.
    record = f"{event.get('source', '')} {place if len(place) <= _READABLE else ''}".strip()
    return f"| {clock(event['time'], day)} | {code(event['host'], 64)} | {who(event)} | {mark}{what(event)} | {code(record, 64)} |"


def _communication(data: Data, by_id: Mapping[int, Data], moments: Data) -> Iterator[str]:
    began = moments.get("began")
    said = [event for event in data["events"] if event["kind"] == "announcement"]
    if began:
        told = moments.get("told")
        after = (
            f"{seconds(_between(began, told))} after it began, at {clock(told['time'], data['from'][:10])}: {who(told)}: {what(told)}"
            if told
            else "not in this time, as far as the record goes"
        )
        yield f"- Others were told: {after}."
    yield f"- {_counted(len(said), 'announcement')} in this time" + ("." if not said else ":")
    yield from (
        f"    - {clock(event['time'], data['from'][:10])} on {event['host']}: {who(event)}: {what(event)}" for event in said[:_MOST_LINES]
    )
    unannounced = [by_id[number] for number in data["unannounced"]]
    if unannounced:
        yield "- Changes that nobody was told of on that host in the hour before:"
        yield from (
            f"    - {clock(event['time'], data['from'][:10])} on {event['host']}: {who(event)}: {what(event)}"
            for event in unannounced[:_MOST_LINES]
        )
    yield "- The record knows what was announced, not what was said in a room or on the telephone."


def _between(one: Data, other: Data) -> int:
    return (instant(other["time"]) - instant(one["time"])) // _SECOND


def _defence(data: Data, by_id: Mapping[int, Data], moments: Data) -> Iterator[str]:
    defence = data["defence"]
    if not defence:
        yield "Nothing was destroyed, as far as the record goes, and so nothing had to come back."
        return
    guards = [event for event in data["events"] if event["kind"] == "guard" and event["host"] == defence["host"]]
    yes = sum(not event.get("status") for event in guards)
    yield f"- Guards on {defence['host']} asked {_counted(len(guards), 'time')}; {yes} of {len(guards)} answers said yes."
    if defence["backup"]:
        yield f"- Last good backup before: {clock(defence['backup']['time'])} ({code(defence['backup']['record'])})."
        yield f"- RPO, at most: {seconds(defence['rpo'])} of changes, from that backup to when it began."
        yield "- Where logs were kept (WAL, binlog), less is lost: what the restore says counts."
    else:
        yield f"- No record of a good backup of {defence['host']} before. A receipt of a later one says nothing of that time."
    yield f"- Last proven restore before: {clock(defence['proven']) if defence['proven'] else 'none on record'}."
    restored = moments.get("restored")
    if restored:
        yield f"- RTO: {seconds(defence['rto'])}, from when it began to {clock(restored['time'], data['from'][:10])}: {what(restored)}."
    else:
        yield "- No restore is on record in this time, and so no RTO can be measured."


def _moments(data: Data, moments: Data) -> Iterator[str]:
    names = {"began": "began", "told": "detected, at the latest (the first that the others heard)", "restored": "restored"}
    yield "| | when | by |"
    yield "|---|---|---|"
    for name, title in names.items():
        event = moments.get(name)
        yield f"| {title} | {clock(event['time'])} | {what(event)} |" if event else f"| {title} | not on record | |"
    yield "| mitigated | for people to say | |"


def _repeats(repeats: Iterable[Data]) -> Iterator[str]:
    found = list(repeats)
    if not found:
        yield "No earlier post-mortem in this folder has the same command, object or host."
    for one in found:
        yield f"- [{one['folder']}](../{one['folder']}/postmortem.md): {', '.join(code(reason) for reason in one['same'])}"
        yield from (f"    - still open there: {code(action)}" for action in one["open"])


def _gaps(data: Data) -> Iterator[str]:
    if not data["gaps"]:
        yield "The record has no gap that it knows of."
    for gap in data["gaps"][:_MOST_ROWS]:
        span = f"{clock(gap['from'], data['from'][:10])} to {clock(gap['until'], data['from'][:10])}"
        yield f"- {code(gap['host'], 64)}, {span}: {code(gap['why'])}"
    if len(data["gaps"]) > _MOST_ROWS:
        yield f"- and {len(data['gaps']) - _MOST_ROWS} more"
    for host in data["hosts"]:
        if host["skew"] is not None:
            way = "ahead of" if host["skew"] > 0 else "behind"
            late = "" if host["skew"] > 0 else ", or its records came late"
            skew = seconds(int(abs(host["skew"])))
            yield f"- The clock of {code(host['name'], 64)} is {skew} {way} the collector's{late}; its times are as it said."
