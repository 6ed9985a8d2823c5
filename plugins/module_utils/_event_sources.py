# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads one line of the collector, or of a host's journal, as the event that it tells of.

A line of the collector is one JSON object, in ASCII or UTF-8, that begins with these in this order:

``seq``
    A number that rises by one for each line of a host, given before the line leaves the host.
``received``
    When the collector had it, RFC 3339 in UTC.
``host``
    The sender by its certificate, never by what it says of itself.

and then has one of these:

``journal``
    The fields of a journal entry, as imjournal and ``journalctl -o json --all`` have them: texts; lists of bytes where they are no text.
``ship``
    What the shipper of the host says of itself: ``kind``, ``message``, and the ``cursor`` of the journal that it has come to.

snoopy is told to write ``login=%{login} tty=%{tty} file=%{filename} argv=%{cmdline}``. Where "argv=" stands in it twice, nobody can say
which is snoopy's, and all from the file on is taken for the command. Of a program that has ended before journald looks, which is one in
ten of the fastest, only the UID is stamped: then the login that snoopy read from the kernel counts, if that user may give it.

Who a person is, is never read from a message: it is the login UID that journald or the kernel stamped on it, or else the owner of the
login session. A user can make a program say anything, but only about that user; what daemons say about others counts if it is a
daemon that says it. journald looks up the sender after the fact, and keeps what it found for a while: where a process
has become another program since, the stamp may name the one before (with snoopy on the host it often does). Then the record counts,
for the person of the stamp, with a ``doubt``.
"""

from __future__ import annotations

import csv
import json
import re
from typing import Any, Callable, Mapping
from urllib.parse import unquote_to_bytes

from ._event import Event, cut, detail, instant
from ._redact import redact, redact_arguments

# A record of which nobody can say when it was made; no search by time leaves it out.
UNKNOWN_TIME = 1_000_000
_LONGEST = 1 << 20
# To read a number takes a time that grows with the square of its length; in longer lines they are read with care.
_MANY_DIGITS = 1 << 13
_NOBODY = str(2**32 - 1)
_MICROSECONDS = re.compile(r"1\d{15}", re.ASCII)
_UID = re.compile(r"\d{1,10}", re.ASCII)
_PLAIN = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
_PREFIX = "PROD_ACCESS_"
# These of ours tell of the host, not of a person, and so are root's to send.
_ROOT_KINDS = frozenset(("access_change", "automation", "backup", "restore", "heartbeat", "recording", "alarm"))
# Services of ours that are not root's, and tell of the record itself. journald knows a sender's unit by its control group.
_UNITS = frozenset(f"prod-access-audit-{name}.service" for name in ("ship", "receive", "seal", "verify", "tidy"))
_SHIP_KINDS = ("heartbeat", "recording", "alarm")
OUR_KINDS = _ROOT_KINDS | {"announcement", "guard", "audit_read", "sql"}

_SUDO = ("sudo",)
_SU = ("su", "runuser")
_SSHD = ("sshd", "sshd-session", "sshd-auth")
_PAM = re.compile(r"pam_unix\(([\w-]+):session\): session (opened|closed) for user ([^\s(]+)(?:\(uid=\d+\))?(?: by .*)?")
_ACCEPTED = re.compile(r"Accepted (\S+) for (\S+) from (\S+) port \d+(?: ssh2)?(?:: (.+))?")
_REFUSED = re.compile(
    r"(?:Connection (?:closed|reset) by|Disconnected from) (?:authenticating|invalid) user (.*) (\S+) port \d+ \[preauth\]"
)
_FAILED_SU = re.compile(r"FAILED SU \(to (\S+)\) .*")
# sudo's own format, where nobody has asked it for JSON: an accepted command begins at once with where it was run.
_RAN = re.compile(r"\S+ : (?:TTY=\S+ ; )?PWD=(.*?) ; USER=(\S+) ; (?:[A-Z_]+=.*? ; )*?COMMAND=(.*)", re.S)
_CRON = re.compile(r"\((\S+)\) CMD \((.*)\)", re.S)
_SNOOPY = re.compile(r"login=(\S+) tty=(\S+) file=(.*)", re.S)
_UNKNOWN = "(unknown)"
_MARIADB = re.compile(r" ?[^,]*,([^,]*),([^,]*),(\d+),\d+,([A-Z_]+),([^,]*),(.*),(\d+)", re.S)
_ESCAPED = re.compile(r"\\(.)", re.S)
# "%c %h %u@%d %c ": names may hold anything, and come from clients, so the session, which they do not choose, stands around them.
_POSTGRESQL = re.compile(r"(([0-9a-f]+\.[0-9a-f]+) (\S*) (.*?)@(.*?) \2 )([A-Z]+):  (.*)", re.S)
_STATEMENT = re.compile(r"(?:statement|execute [^:]*): (.*)", re.S)
_EXECS = (59, 322)  # execve and execveat of x86_64 in asm/unistd_64.h
_MISSING = -2

# What every line with an event of a kind has in it: what has none of them need not be decoded.
NEEDLES: Mapping[str, tuple[bytes, ...]] = {
    "login": (b"Accepted ", b"[preauth]", b"pam_unix"),
    "logout": (b"pam_unix",),
    "session": (b"pam_unix", b"SESSION_ID", b"FAILED SU"),
    "command": (b'"laurel"', b'"snoopy"', b'"sudo"', b'"CRON"'),
    "sudo": (b'"sudo"',),
    "sql": (b'"postgres"', b'"mysql-server_auditing"', b"PROD_ACCESS_KIND"),
    "recording": (b'"laurel"', b'"ship"', b"PROD_ACCESS_KIND"),
    **dict.fromkeys(("heartbeat", "alarm"), (b'"ship"', b"PROD_ACCESS_KIND")),
    **dict.fromkeys(OUR_KINDS - {"recording", "heartbeat", "alarm", "sql"}, (b"PROD_ACCESS_KIND",)),
}

# Words that are in events, and not in the records that they are made of.
OUR_WORDS = frozenset(
    "from by refused ended killed after su opened closed session began audit rules changed more characters "
    "sent the a process that had it says prod access mariadb postgresql root".split()
)

Names = Mapping[str, str]
"""The logins of one host, by UID in digits."""


class _UnreadableError(Exception):
    """A record that does not say what its source always says."""


def read(line: bytes, names: Names) -> Event | None:
    """The event of a line of the collector; None where it tells of nothing that people do. It never raises."""
    data = _decoded(line)
    host, received, sequence = (_text(data.get(name)) for name in ("host", "received", "seq"))
    record = _Record(data.get("journal"), names, host, received, sequence)
    ship = data.get("ship")
    try:
        if not host or record.time == UNKNOWN_TIME:
            raise _UnreadableError
        if isinstance(ship, dict):
            return _ship(record, ship)
        return _journal(record)
    except _UnreadableError:
        return record.event("unreadable", _shown(line))


def read_journal(line: bytes, names: Names, host: str) -> Event | None:
    """The same of one line of ``journalctl -o json --all`` on a host itself."""
    data = _decoded(line)
    record = _Record(data, names, host, "", _text(data.get("__CURSOR")))
    try:
        return _journal(record)
    except _UnreadableError:
        return record.event("unreadable", _shown(line))


def _decoded(line: bytes) -> dict[str, Any]:
    """The object of a line; none where it is too long, too deep or no object."""
    number = _number if len(line) > _MANY_DIGITS else None
    try:
        data = json.loads(line.decode("utf-8", "replace"), parse_int=number) if len(line) <= _LONGEST else None
    except (ValueError, RecursionError):
        data = None
    return data if isinstance(data, dict) else {}


def _number(digits: str) -> float:
    return int(digits) if len(digits) < 20 else float(digits)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _instant(text: str) -> int:
    try:
        return instant(text)
    except ValueError:
        return UNKNOWN_TIME


def _shown(line: bytes) -> str:
    return cut(redact(line[:4096].decode("utf-8", "replace")), 500)


def _text(value: Any) -> str:
    """The text of a field, whatever there is in its place."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(byte, int) and 0 <= byte < 256 for byte in value):
        return bytes(value).decode("utf-8", "replace")
    return str(value) if _is_whole(value) else ""


class _Record:
    """What can be trusted of a record, and what it says."""

    def __init__(self, fields: Any, names: Names, host: str, received: str, place: str) -> None:
        self.fields: Mapping[str, Any] = fields if isinstance(fields, dict) else {}
        self.names = names
        self._host = host
        self._received = received
        self._place = place
        stamp = self.text("_SOURCE_REALTIME_TIMESTAMP") or self.text("__REALTIME_TIMESTAMP")
        self.time = int(stamp) if _MICROSECONDS.fullmatch(stamp) else _instant(received)
        self.message = self.text("MESSAGE")
        self.transport = self.text("_TRANSPORT")
        self.uid = self._uid("_UID")
        self.owner = self._uid("_AUDIT_LOGINUID") or self._uid("_SYSTEMD_OWNER_UID")
        self.session = self.text("_SYSTEMD_SESSION") or self.text("_AUDIT_SESSION")
        self.sender = self.text("_EXE") or self.text("_COMM")

    def text(self, name: str) -> str:
        return _text(self.fields.get(name))

    def _uid(self, name: str) -> str:
        text = self.text(name)
        return text if _UID.fullmatch(text) and text != _NOBODY else ""

    def name(self, uid: str) -> str:
        """The login of a UID; empty for nobody's."""
        return self.names.get(uid) or ("root" if uid == "0" else uid and f"#{uid}")

    @property
    def person(self) -> str:
        return self.name(self.owner)

    def is_from(self, programs: tuple[str, ...]) -> bool:
        return self.sender.rpartition("/")[2] in programs

    def may_say(self, programs: tuple[str, ...], about: str) -> bool:
        """Whether a daemon said it: one of these, that runs for nobody, or for whom it speaks of."""
        return self.is_from(programs) and self.fields.get("_EXE") is not None and self.uid in ("0", "1") and self.person in ("", about)

    def event(self, kind: str, what: str, **values: Any) -> Event:
        details = {name: detail(text) for name, text in values.pop("details", {}).items() if text}
        status: int | None = values.pop("status", None)
        texts = {"person": self.person, "user": self.name(self.uid), "session": self.session, **values}
        texts.update(record=self._place, received=self._received)
        texts = {name: detail(text) for name, text in texts.items()}
        return Event(self.time, detail(self._host), kind, cut(what), status=status, details=details, **texts)

    def unverified(self, source: str) -> Event:
        sender = self.sender or "a process that had ended"
        return self.event("unverified", redact(self.message), source=source, details={"doubt": f"{source} it says; {sender} sent it"})

    def doubt(self, programs: tuple[str, ...]) -> dict[str, str]:
        return {} if self.is_from(programs) else {"doubt": f"sent by {self.sender or 'a process that had ended'}"}


def _journal(record: _Record) -> Event | None:
    if not record.fields:
        raise _UnreadableError
    kind = record.text(_PREFIX + "KIND")
    if kind:
        return _ours(record, kind)
    parse = _SOURCES.get(record.text("SYSLOG_IDENTIFIER"))
    return parse(record) if parse else None


def _ours(record: _Record, kind: str) -> Event:
    """What our own programs tell the journal. Where it stamps no login UID, the program's own word counts, if that user may give it."""
    claim = record.text(_PREFIX + "LOGINUID")
    source = f"prod-access: {detail(kind)}"
    may_say = kind not in _ROOT_KINDS or record.uid == "0" or (kind in _SHIP_KINDS and record.text("_SYSTEMD_UNIT") in _UNITS)
    if kind not in OUR_KINDS or record.transport != "journal" or not may_say:
        return record.unverified(source)
    if claim != _NOBODY and _UID.fullmatch(claim):
        if record.owner and claim != record.owner:
            return record.unverified(source)
        if not record.owner and record.uid in ("0", claim):
            record.owner = claim
    known = (_PREFIX + "KIND", _PREFIX + "LOGINUID", _PREFIX + "STATUS")
    said = [name for name in record.fields if name.startswith(_PREFIX) and name not in known][:32]
    details = {name[len(_PREFIX) :].lower(): redact(record.text(name)) for name in said}
    status = record.text(_PREFIX + "STATUS")
    if _UID.fullmatch(status):
        code: int | None = int(status)
    else:
        code = {"confirmed": 0, "refused": 1}.get(record.text(_PREFIX + "ANSWER"))
    return record.event(kind, redact(record.message), source=record.text("SYSLOG_IDENTIFIER"), status=code, details=details)


def _sudo(record: _Record) -> Event | None:
    """sudo's JSON; and the few things that it says in words."""
    if record.message.startswith("pam_"):
        return None
    if not record.message.startswith("@cee:"):
        user = record.message.strip().partition(" : ")[0]
        ran = _RAN.fullmatch(record.message.strip())
        if ran:
            return _of_sudo(record, "sudo", user, redact(ran.group(3)), {"directory": ran.group(1)}, user=ran.group(2))
        return _of_sudo(record, "sudo", user, redact(record.message.strip()), {}, status=1)
    said = _decoded(record.message[len("@cee:") :].encode("utf-8", "replace")).get("sudo")
    act, data = next(iter(said.items())) if isinstance(said, dict) and len(said) == 1 else ("", {})
    if act not in ("accept", "reject", "alert", "exit") or not isinstance(data, dict):
        raise _UnreadableError
    user = _text(data.get("submituser"))
    details = {name: _text(data.get(key)) for name, key in _SUDO_DETAILS.items()}
    if act == "exit":
        ran = data.get("run_time")
        after = f" after {_text(ran.get('seconds')) or '?'} s" if isinstance(ran, dict) else ""
        status, signal = data.get("exit_value"), _text(data.get("signal"))
        what = f"killed by {detail(signal)}{after}" if signal else f"ended{after}"
        return _of_sudo(record, "sudo", user, what, details, status=status if _is_whole(status) else None)
    words = data.get("runargv")
    command = _text(data.get("command"))
    arguments = [_text(word) for word in words[1:]] if isinstance(words, list) else []
    what = _command([command, *arguments]) if command else ""
    values = {"user": _text(data.get("runuser")), "status": None if act == "accept" else 1}
    # What a command of sudo started in its turn (log_subcmds) has a place within the recording.
    kind = "command" if act == "accept" and "iolog_offset" in data else "sudo"
    reason = details.get("reason", "")
    said_what = f"{reason}: {what}" if reason and what else what or reason
    return _of_sudo(record, kind, user, said_what, details, **values)


_SUDO_DETAILS = {
    "as": "submituser",
    "directory": "runcwd",
    "terminal": "ttyname",
    "recording": "iolog_path",
    "reason": "reason",
    "id": "uuid",
}


def _of_sudo(record: _Record, kind: str, submitter: str, what: str, details: Mapping[str, str], **values: Any) -> Event:
    """sudo sends with the user's own UID, so a user can forge it: for no other than that user, and in no other's name."""
    own = {record.names[uid] for uid in (record.uid, record.owner) if uid in record.names}
    known = not submitter or not own or submitter in own or (submitter == "root" and record.uid == "0")
    if record.transport != "syslog" or not known or not (record.owner or record.is_from(_SUDO)):
        return record.unverified("sudo")
    return record.event(kind, what, source="sudo", details={**details, **record.doubt(_SUDO)}, **values)


def _sshd(record: _Record) -> Event | None:
    accepted = _ACCEPTED.fullmatch(record.message)
    if accepted:
        method, user, address, key = accepted.groups()
        if not record.may_say(_SSHD, user):
            return record.unverified("sshd")
        details = {"address": address, "method": method, "key": key or ""}
        return record.event("login", f"from {address} by {method}", person=user, user=user, source="sshd", details=details)
    refused = _REFUSED.fullmatch(record.message)
    if refused:
        user, address = refused.groups()
        if not record.may_say(_SSHD, ""):
            return record.unverified("sshd")
        details = {"address": address}
        return record.event("login", f"refused from {address}", person="", user=user, status=1, source="sshd", details=details)
    return _pam(record)


def _pam(record: _Record) -> Event | None:
    """Sessions as PAM sees them, where nothing else tells of them."""
    session = _PAM.fullmatch(record.message)
    if not session:
        return None
    service, what, user = session.groups()
    programs = _SERVICES.get(service)
    if programs is None or (service == "sshd" and what == "opened"):
        return None
    if programs is _SU:
        return record.event("session", f"su: {what}", user=user, source="su", details=record.doubt(_SU))
    if not record.may_say(programs, user):
        return record.unverified(service)
    kind = "session" if service == "atd" else "login" if what == "opened" else "logout"
    return record.event(kind, f"{service}: {what}", person=user, user=user, source=service)


_SERVICES = {"su": _SU, "su-l": _SU, "sshd": _SSHD, "login": ("login",), "atd": ("atd",)}


def _su(record: _Record) -> Event | None:
    failed = _FAILED_SU.fullmatch(record.message)
    if failed:
        return record.event("session", "su: refused", user=failed.group(1), status=1, source="su", details=record.doubt(_SU))
    return _pam(record)


def _logind(record: _Record) -> Event | None:
    user, session = record.text("USER_ID"), record.text("SESSION_ID")
    what = {"New": "began", "Removed": "ended"}.get(record.message.partition(" ")[0])
    if not what or not (session or record.message.startswith("New session ")):
        return None
    if not record.may_say(("systemd-logind",), user) or record.transport != "journal":
        return record.unverified("systemd-logind")
    return record.event("session", f"session {what}", person=user, user=user, session=session, source="systemd-logind")


def _cron(record: _Record) -> Event | None:
    job = _CRON.fullmatch(record.message)
    if not job:
        return None
    user, command = job.groups()
    # Its child says so before it becomes the shell, which is what journald may find.
    if not record.may_say(("cron", "dash", "bash", "sh"), user):
        return record.unverified("cron")
    person = user if user in record.names.values() and user != "root" else ""
    return record.event("command", redact(command), person=person, user=user, source="cron")


def _snoopy(record: _Record) -> Event | None:
    parts = _SNOOPY.fullmatch(record.message)
    login = parts.group(1) if parts else _UNKNOWN
    if not record.owner and login == _UNKNOWN and len(record.uid) < 4:
        return None  # A daemon.
    if not parts or record.transport != "syslog":
        return record.unverified("snoopy")
    _login, terminal, rest = parts.groups()
    file, *commands = rest.split(" argv=")
    one = len(commands) == 1
    details = {"terminal": terminal.replace("(none)", ""), "program": file if one else ""}
    values = {}
    if not record.owner and login != _UNKNOWN:
        if record.uid == "0" or record.names.get(record.uid) == login:
            values["person"] = login
        else:
            details["doubt"] = f"{detail(login)} it says, a process that had ended"
    return record.event("command", redact(commands[0] if one else rest), source="snoopy", details=details, **values)


def _mariadb(record: _Record) -> Event | None:
    """The lines of server_audit. Databases know no login UIDs."""
    if record.owner or not record.is_from(("mariadbd", "mysqld")):
        return record.unverified("mariadb")
    parts = _MARIADB.fullmatch(record.message)
    if not parts:
        raise _UnreadableError
    user, client, connection, operation, database, statement, status = parts.groups()
    details = {"database": database, "client": client, "connection": connection}
    if operation == "QUERY":
        what = _ESCAPED.sub(r"\1", statement[1:-1])
    elif operation == "FAILED_CONNECT":
        what = "refused"
    else:
        return None
    return record.event("sql", redact(what), user=user, status=int(status[:9]), source="mariadb", details=details)


def _postgresql(record: _Record) -> Event | None:
    """What PostgreSQL tells syslog, behind the prefix that the role gives it. Databases know no login UIDs."""
    if record.owner or not record.is_from(("postgres",)):
        return record.unverified("postgresql")
    parts = _POSTGRESQL.fullmatch(record.message)
    if not parts:
        return None  # It speaks of itself, or has no prefix of ours.
    prefix, connection, client, user, database, severity, said = parts.groups()
    details = {"database": database, "client": client, "connection": connection}
    status = None
    # What belongs to a message follows on lines of their own, behind the same prefix; values of parameters are data.
    said, _mark, rest = said.partition(f"\n{prefix}")
    failed = f"\n{prefix}{rest}".partition(f"\n{prefix}STATEMENT:  ")[2]
    logged = _STATEMENT.fullmatch(said)
    if said.startswith("AUDIT: "):
        try:
            row = next(csv.reader([said[len("AUDIT: ") :]]))
            what, details["class"] = row[7], row[3]
        except (csv.Error, IndexError, StopIteration):
            raise _UnreadableError from None
    elif logged and severity == "LOG":
        what = logged.group(1)
    elif severity in ("ERROR", "FATAL", "PANIC") and (failed or severity == "FATAL"):
        what, status, details["error"] = failed or "refused", 1, redact(said)
    else:
        return None
    return record.event("sql", redact(what), user=user, status=status, source="postgresql", details=details)


def _ship(record: _Record, data: Mapping[str, Any]) -> Event:
    """What the shipper of a host says of itself."""
    kind, time = _text(data.get("kind")), _text(data.get("time"))
    if kind not in _SHIP_KINDS:
        raise _UnreadableError
    record.time = int(time) if _MICROSECONDS.fullmatch(time) else record.time
    return record.event(kind, _text(data.get("message")), source="prod-access-audit-ship")


def _laurel(record: _Record) -> Event | None:
    """The kernel's audit, an event a line. auditd starts laurel, and journald knows the unit of whoever writes to it."""
    if record.transport != "stdout" or record.text("_SYSTEMD_UNIT") != "auditd.service":
        return record.unverified("laurel")
    if not record.message.startswith("{"):
        return record.event("recording", record.message, source="laurel")
    data = _decoded(record.message.encode("utf-8", "replace"))
    if not data:
        raise _UnreadableError
    call = data.get("SYSCALL")
    if not isinstance(call, dict):
        return None
    record.owner, record.uid = _text(call.get("auid")).replace(_NOBODY, ""), _text(call.get("euid"))
    values = {"session": _text(call.get("ses")).replace(_NOBODY, ""), "source": "laurel"}
    identity = _text(data.get("ID"))
    stamp = identity.partition(":")[0].replace(".", "").ljust(16, "0")
    record.time = int(stamp) if _MICROSECONDS.fullmatch(stamp) else record.time
    details = {"program": _bytes(call.get("exe")), "terminal": _bytes(call.get("tty")).replace("(none)", ""), "id": identity}
    if "CONFIG_CHANGE" in data:
        proctitle = data.get("PROCTITLE")
        words = proctitle.get("ARGV") if isinstance(proctitle, dict) else None
        return record.event("recording", f"audit rules changed: {_argv(words)}", details=details, **values)
    if not record.owner:
        return None
    execve, place_of = data.get("EXECVE"), data.get("CWD")
    details["directory"] = _bytes(place_of.get("cwd")) if isinstance(place_of, dict) else ""
    if isinstance(execve, dict):
        return record.event("command", _argv(execve.get("ARGV")), details=details, **values)
    error: Any = call.get("exit")
    if call.get("syscall") not in _EXECS or not _is_whole(error) or error in (0, _MISSING):
        return None  # Shells look for a command in one directory after the other.
    paths = data.get("PATH")
    first = paths[0] if isinstance(paths, list) and paths else {}
    what = _bytes(first.get("name")) if isinstance(first, dict) else ""
    return record.event("command", _command([what]), status=-error, details=details, **values)


def _argv(words: Any) -> str:
    if not isinstance(words, list):
        raise _UnreadableError
    return _command([_bytes(word) for word in words])


def _bytes(value: Any) -> str:
    """A text of laurel's, in which bytes that are no text are percent signs and digits."""
    text = _text(value)
    return unquote_to_bytes(text).decode("utf-8", "replace") if "%" in text else text


def _command(words: list[str]) -> str:
    """A command line that can be read in one way only, without its secrets."""
    return " ".join(map(_quoted, redact_arguments(words)))


def _quoted(word: str) -> str:
    if _PLAIN.fullmatch(word):
        return word
    return f"'{word}'" if "'" not in word else '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


_SOURCES: Mapping[str, Callable[[_Record], Event | None]] = {
    "sudo": _sudo,
    "sshd": _sshd,
    "sshd-session": _sshd,
    "su": _su,
    "login": _pam,
    "atd": _pam,
    "CRON": _cron,
    "systemd-logind": _logind,
    "snoopy": _snoopy,
    "mysql-server_auditing": _mariadb,
    "postgres": _postgresql,
    "laurel": _laurel,
}
IDENTIFIERS = tuple(_SOURCES)
