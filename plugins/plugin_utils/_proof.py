# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the net under a host holds, by the evidence that was gathered. No I/O, no Ansible."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..module_utils._access import Access
from ..module_utils._moment import Moment
from . import _selftest
from ._report import drift

State = Literal["ok", "warn", "broken", "unknown", "waived"]

# All proofs, in the order in which they are shown, and what they are called.
PROOFS = {
    "record": "recorded",
    "prompt": "prompt",
    "backup": "backup",
    "restore": "restore",
    "chain": "chain",
    "sudo": "sudo",
    "ways_in": "ways in",
    "access": "access",
    "ends": "ends",
    "clock": "clock",
    "certificates": "certificates",
}
# What new access depends on. The others are about access itself, and would wait for one another.
NET = ("record", "prompt", "backup", "restore", "chain", "sudo", "clock", "certificates")
_WORST: tuple[State, ...] = ("broken", "unknown", "warn", "waived", "ok")
_HOUR, _DAY, _YEAR = 3600, 86400, 365 * 86400


@dataclass(frozen=True)
class Proof:
    """One promise on one host: whether it holds, what was seen, and how to mend it. ``value`` is what a trend is drawn of."""

    name: str
    state: State
    evidence: str
    mend: str = ""
    value: float | None = None
    short: str = ""
    """The value in a word, for a table."""


@dataclass(frozen=True)
class Limits:
    """From where on something is amber, and red. Each pair is ``warn`` and ``broken``."""

    record_seconds: tuple[float, float] = (5, 30)
    backup_hours: tuple[float, float] = (26, 50)
    restore_days: tuple[float, float] = (8, 15)
    clock_seconds: tuple[float, float] = (1, 5)
    certificate_days: tuple[float, float] = (30, 7)
    ends_days: float = 14

    def faults(self) -> Iterator[str]:
        """What cannot work, and how to mend it."""
        for name in ("record_seconds", "backup_hours", "restore_days", "clock_seconds"):
            warn, broken = getattr(self, name)
            if not 0 < warn <= broken:
                yield f"prove_{name}: warn is {warn:g} and broken {broken:g}; say numbers above 0, broken not the smaller one"
        warn, broken = self.certificate_days
        if not 0 < broken <= warn:
            yield f"prove_certificate_days: warn is {warn:g} and broken {broken:g}; say numbers above 0, broken not the larger one"
        if self.ends_days < 0:
            yield f"prove_ends_days: {self.ends_days:g} is no number of days; say 0 or more"


@dataclass(frozen=True)
class Asked:
    """What is known of a host beforehand. ``waived`` says of proofs why they are not asked for, ``known`` which ways in are expected."""

    host: str
    access: Access
    is_production: bool = True
    collector: str = ""
    limits: Limits = field(default_factory=Limits)
    waived: Mapping[str, str] = field(default_factory=dict)
    known: tuple[str, ...] = ()

    def faults(self) -> Iterator[str]:
        yield from self.limits.faults()
        for name, why in self.waived.items():
            if name not in PROOFS:
                yield f"prove_waived: there is no proof {name!r}; there are {', '.join(PROOFS)}"
            elif not isinstance(why, str) or not why.strip():
                yield f"prove_waived.{name}: nothing says why; write the reason there"


@dataclass(frozen=True)
class Evidence:
    """What was gathered, as modules returned it: on the host, at the collector, of accounts, and of the canary."""

    host: Mapping[str, Any] = field(default_factory=dict)
    canary: Mapping[str, Any] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)
    access: Mapping[str, Any] = field(default_factory=dict)


def worst(states: Iterator[State] | list[State]) -> State:
    return min(states, key=_WORST.index)


def judge(asked: Asked, found: Evidence, now: float) -> list[Proof]:
    """All proofs of a host. ``now`` is in seconds since 1970."""
    proofs = []
    for name in PROOFS:
        if name in asked.waived:
            proofs.append(Proof(name, "waived", f"not asked for: {asked.waived[name]}", short="waived"))
            continue
        try:
            proofs.append(_JUDGES[name](asked, found, now))
        except _UnknownError as error:
            proofs.append(Proof(name, "unknown", str(error), "mend what stands in the way, and run again", short="?"))
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            # A host can say anything.
            evidence = f"what the host said of it makes no sense: {_line(repr(error))}"
            proofs.append(Proof(name, "unknown", evidence, "see what is wrong with the host, and run again", short="?"))
    return proofs


class _UnknownError(Exception):
    """There is no evidence, and why."""


def _got(outcome: Mapping[str, Any], name: str = "") -> Any:
    """What a module returned, or one part of it. Raises _UnknownError, with its reason."""
    if outcome.get("unreachable") or outcome.get("failed") or not outcome:
        kind = "unreachable" if outcome.get("unreachable") else "failed"
        raise _UnknownError(f"{kind}: {_line(outcome['msg'])}" if outcome.get("msg") else "nothing was tried")
    part = outcome.get(name) if name else outcome
    if isinstance(part, Mapping) and part.get("problem"):
        raise _UnknownError(_line(part["problem"]))
    if part is None:
        raise _UnknownError("the host said nothing of it")
    return part


def _line(text: Any) -> str:
    return " ".join(str(text).split())[:500]


def _graded(value: float, limits: tuple[float, float]) -> State:
    warn, broken = limits
    return "broken" if value > broken else "warn" if value > warn else "ok"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _days(days: float) -> str:
    return f"{days:.0f} d" if days < 1000 else f"{days / 365:.0f} y"


def _lasted(seconds: float) -> str:
    """A time for people: 3 minutes, 5 hours, 12 days."""
    for size, name in ((_YEAR, "year"), (_DAY, "day"), (_HOUR, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}s"
    return f"{max(0.0, seconds):.0f} seconds"


def _record(asked: Asked, found: Evidence, _now: float) -> Proof:
    if not asked.collector:
        return Proof(
            "record", "broken", "there is no collector: nothing that people do here leaves the host", "see docs/audit.md", short="none"
        )
    ran = _got(found.canary)
    events = _got(_got(found.record), "events")
    (row,) = (row for row in _selftest.rows(ran["token"], ran["person"], ran["canaries"], events) if row.canary == _selftest.PLAIN)
    if row.state == "not tried" or row.seconds is None:
        waited = f" within {asked.limits.record_seconds[1]:g} s" if row.state == "not seen" else f": {row.why}"
        return Proof(
            "record",
            "broken",
            f"a canary of this run was not at {asked.collector}{waited}",
            "see: systemctl status prod-access-audit-ship; then run playbook audit_selftest, which tries every way to run a command",
            short="not seen",
        )
    at = min(event["time"] for event in events)[11:19]
    evidence = f"a canary of {at} was at {asked.collector} after {row.seconds:.1f} s, by {', '.join(row.layers)}"
    if row.is_broken:
        return Proof("record", "broken", f"{evidence}; but {row.why}", "run playbook audit_selftest", row.seconds, "not whose")
    state = _graded(row.seconds, asked.limits.record_seconds)
    mend = "" if state == "ok" else "see what keeps the host's shipper, or the network: systemctl status prod-access-audit-ship"
    return Proof("record", state, f"{evidence}, as {row.person}'s", mend, row.seconds, f"{row.seconds:.1f} s")


def _prompt(asked: Asked, found: Evidence, _now: float) -> Proof:
    prompts = _got(found.host, "prompts")
    said: list[str] = []
    wrong: list[str] = []
    for prompt in prompts:
        shell = prompt["shell"].rpartition("/")[2]
        painted = prompt["painted"]
        if prompt["problem"]:
            wrong.append(f"{shell}: {_line(prompt['problem'])}")
        elif not painted:
            wrong.append(f"{shell} begins without a label: {_line(prompt['text'])!r}")
        else:
            shows = f"{shell} shows {_line(painted[0]['text'])} on {painted[0]['colour']}"
            (said if (painted[0]["colour"] == "red") == asked.is_production else wrong).append(shows)
    promised = "red, in production" if asked.is_production else "any label but a red one"
    if wrong or not said:
        evidence = "; ".join(wrong + said) or "no shell was tried"
        mend = f"it has to be {promised}: see prod_access_environment, and run playbook site"
        return Proof("prompt", "broken" if asked.is_production else "warn", evidence, mend, 0, "wrong")
    return Proof("prompt", "ok", f"in a terminal, {'; '.join(said)}", value=1, short="red" if asked.is_production else "not red")


def _receipt(name: str, what: str, size: float, asked: Asked, found: Evidence, now: float, limits: tuple[float, float]) -> Proof:
    receipts = _got(found.host, "receipts")
    receipt = receipts.get(name)
    if receipt is None:
        state: State = "broken" if asked.is_production else "warn"
        mend = "see docs/backup.md, or say why there is none: prove_waived"
        return Proof(name, state, f"no {what} is known here", mend, short="none")
    mend = f"see the receipt, /var/lib/prod-access/receipts/{name}.json, and: journalctl -t prod-access-backup"
    alarm = _line(receipt.get("alarm") or "")
    try:
        age = now - Moment.parse(str(receipt["ended"])).epoch
    except (KeyError, ValueError):
        return Proof(name, "broken", f"no {what} has ever succeeded" + (f": {alarm}" if alarm else ""), mend, short="never")
    evidence = f"the last {what} is of {receipt['ended']}, {_lasted(age)} ago"
    state = _graded(age / size, limits)
    if not receipt.get("ok") or now > float(receipt.get("good_until") or now):
        state = "broken"
    elif alarm and state == "ok":
        state = "warn"
    evidence += f"; {alarm}" if alarm else ""
    unit = "h" if size == _HOUR else "d"
    return Proof(name, state, evidence, "" if state == "ok" else mend, round(age / size, 2), f"{age / size:.0f} {unit}")


def _backup(asked: Asked, found: Evidence, now: float) -> Proof:
    return _receipt("backup", "backup", _HOUR, asked, found, now, asked.limits.backup_hours)


def _restore(asked: Asked, found: Evidence, now: float) -> Proof:
    return _receipt("restore", "proven restore", _DAY, asked, found, now, asked.limits.restore_days)


def _chain(asked: Asked, found: Evidence, _now: float) -> Proof:
    if not asked.collector:
        return Proof("chain", "broken", "there is no collector, and so nothing is sealed", "see docs/audit.md", short="none")
    chain = _got(_got(found.record), "chain")
    faults = chain["faults"]
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        evidence = f"on {asked.collector}: {'; '.join(map(_line, faults[:3]))}{more}"
        mend = f"on {asked.collector}: prod-access-audit verify {asked.host}"
        return Proof("chain", "broken", evidence, mend, len(faults), _counted(len(faults), "fault"))
    if not chain["hash"]:
        return Proof(
            "chain", "warn", f"{asked.collector} has {chain['lines']} lines, none of them sealed yet", "wait a minute", 0, "no seal"
        )
    compared = f"{chain['lines']} lines of {_counted(chain['files'], 'day')}"
    evidence = f"{compared} are as they were sealed on {asked.collector}; last seal {chain['hash'][:12]}"
    return Proof("chain", "ok", evidence, value=0, short="whole")


def _sudo(_asked: Asked, found: Evidence, _now: float) -> Proof:
    sudo = _got(found.host, "sudo")
    if not sudo["sound"]:
        sudo = {**sudo, "faults": ["/etc/sudoers.d/prod-access has a mode or an owner that sudo refuses", *sudo["faults"]]}
    if sudo["faults"]:
        evidence = "; ".join(map(_line, sudo["faults"][:3]))
        return Proof("sudo", "broken", evidence, "mend it: visudo -c; ours comes back by playbook access", len(sudo["faults"]), "broken")
    if sudo["oddities"]:
        evidence = "; ".join(map(_line, sudo["oddities"][:3]))
        return Proof(
            "sudo", "warn", evidence, "move the file away, or give it a name and a mode that sudo reads", len(sudo["oddities"]), "odd"
        )
    return Proof("sudo", "ok", f"visudo finds nothing in the whole of it, {sudo['files']} files", value=0, short="whole")


def _ways_in(_asked: Asked, found: Evidence, _now: float) -> Proof:
    ways = _got(found.host, "ways_in")
    names = ", ".join(map(str, ways))
    if not ways:
        return Proof("ways_in", "broken", "nobody can log in and become root", "give somebody a key and sudo, over the console", 0, "0")
    if len(ways) == 1:
        evidence = f"only {names} can log in and become root: the last way in"
        return Proof("ways_in", "warn", evidence, "give a second person a key and sudo", 1, "1")
    return Proof("ways_in", "ok", f"{len(ways)} accounts can log in and become root: {names}", value=len(ways), short=str(len(ways)))


def _access(asked: Asked, found: Evidence, now: float) -> Proof:
    accounts = _got(found.access)
    mine = _got(found.host).get("connecting")
    differs = [f"{line['person']}: {line['what']}" for line in drift(asked.host, asked.access, accounts, Moment(int(now)))]
    strays = [
        f"{stray['kind']}: {stray['what']}"
        for stray in accounts["strays"]
        # Whoever this run came as has a way in: the inventory says so itself. What belongs to no account has no login.
        if (stray["login"] or "-") not in (mine, *asked.known)
        and not any(fnmatch.fnmatchcase(stray["what"], known) for known in asked.known)
    ]
    if differs or strays:
        every = [*differs, *(f"nobody declared {stray}" for stray in strays)]
        more = f"; and {len(every) - 4} more" if len(every) > 4 else ""
        mend = (
            "run playbook access" if not strays else "see playbook access_report; take it away, or say that it is known: prove_known_access"
        )
        return Proof("access", "broken", "; ".join(map(_line, every[:4])) + more, mend, len(every), f"{len(every)} differ")
    people = sum(bool(person.in_force(Moment(int(now)))) for person in asked.access.people.values())
    return Proof(
        "access",
        "ok",
        f"what was found is what was declared, for {people} {'person' if people == 1 else 'people'}",
        value=0,
        short="as declared",
    )


def _ends(asked: Asked, found: Evidence, now: float) -> Proof:
    timer = _got(found.host, "timer")
    moment = Moment(int(now))
    ends = [
        (end, login) for login, person in asked.access.people.items() if person.in_force(moment) for end in person.moments() if end > moment
    ]
    if not ends:
        return Proof("ends", "ok", "no access has an end", short="none")
    first, login = min(ends)
    days = (first.epoch - now) / _DAY
    evidence = f"the first of {_counted(len(ends), 'end')} is {login}'s, at {first}, in {_lasted(first.epoch - now)}"
    if timer != "active":
        mend = "run playbook access; see: systemctl status prod-access-accounts.timer"
        return Proof("ends", "broken", f"{evidence}, and the timer for it is {_line(timer)}", mend, days, "no timer")
    state: State = "warn" if days <= asked.limits.ends_days else "ok"
    mend = "" if state == "ok" else "ask whether it is still needed, and extend it in the inventory, or let it end"
    return Proof("ends", state, evidence, mend, round(days, 1), _days(days))


def _clock(asked: Asked, found: Evidence, _now: float) -> Proof:
    clock = _got(found.host, "clock")
    offset, within = float(clock["offset"]), float(clock["within"])
    state = _graded(max(0.0, abs(offset) - within), asked.limits.clock_seconds)
    where = "ahead of" if offset >= 0 else "behind"
    evidence = f"{abs(offset):.2f} s {where} the controller's clock, give or take {within:.2f} s"
    mend = "" if state == "ok" else "let the host keep time: timedatectl"
    return Proof("clock", state, evidence, mend, round(offset, 3), f"{round(offset, 1) + 0:+.1f} s")


def _certificates(asked: Asked, found: Evidence, now: float) -> Proof:
    certificates = _got(found.host, "certificates")
    if not certificates:
        state: State = "broken" if asked.collector else "ok"
        return Proof("certificates", state, "there is no certificate here", "" if state == "ok" else "run playbook audit", short="none")
    first = min(certificates, key=lambda one: float(one["ends"]))
    days = (float(first["ends"]) - now) / _DAY
    warn, broken = asked.limits.certificate_days
    state = "broken" if days < broken else "warn" if days < warn else "ok"
    left = f"ends in {_lasted(first['ends'] - now)}" if days >= 0 else f"ended {_lasted(now - first['ends'])} ago"
    evidence = f"the first of {len(certificates)} to end is {_line(first['path'])}, which {left}, at {Moment(int(first['ends']))}"
    mend = "" if state == "ok" else "run playbook audit, which renews it: -e audit_renew=true"
    return Proof("certificates", state, evidence, mend, round(days, 1), _days(days))


_JUDGES: Mapping[str, Callable[[Asked, Evidence, float], Proof]] = {
    "record": _record,
    "prompt": _prompt,
    "backup": _backup,
    "restore": _restore,
    "chain": _chain,
    "sudo": _sudo,
    "ways_in": _ways_in,
    "access": _access,
    "ends": _ends,
    "clock": _clock,
    "certificates": _certificates,
}
