"""Runs on a host: the module is killed at each write that it makes, and each time the host is looked at and healed.

usage: kill_at_every_write.py add|change|remove|end|add-together

Python's own writes are counted by an audit hook (PEP 578), those of shadow-utils by strace, which kills the tool at its
N-th rename, and the module with it. Prints how many kills there were, and each state that should never have been.
"""

import json
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, "/usr/lib/prod-access")
from killing import at_python_write, child
from prod_access import _accounts, _command, _files, _hands, _host
from prod_access._access import Access, HostGrant, HostPerson
from prod_access._model import Person
from prod_access._moment import Moment
from prod_access._plan import Options
from prod_access._ssh_key import SshKey

LOGIN = "killed"
KEYS = [SshKey("ssh-ed25519", f"AAAAC3NzaC1lZDI1NTE5AAAAI{letter * 43}", letter) for letter in "AB"]


def access(keys, groups, state="active"):
    base = _host.Saved.load().access
    grant = HostGrant("a test", "a test", groups=tuple(groups))
    person = HostPerson(Person(LOGIN, name="Killed Test", uid=12099, keys=tuple(keys), state=state), (grant,))
    people = {**base.people, LOGIN: person}
    if keys is NOBODY:
        people.pop(LOGIN)
    return Access(people, base.teams, base.reserved)


NOBODY = ()
CASES = {
    # what there is before, what there should be after
    "add": (NOBODY, (KEYS[:1], ["adm", "video"])),
    "change": ((KEYS[:1], ["adm", "video"]), (KEYS[1:], ["adm", "audio"])),
    "remove": ((KEYS, ["adm", "video"]), (KEYS, [], "departed")),
    "end": ((KEYS, []), ([KEYS[0].ending(Moment.parse("2099-01-01T00:00:00Z")), KEYS[1]], [])),
}


def wanted(case):
    return access(NOBODY, []) if case == NOBODY else access(*case)


def manage(desired):
    return _accounts.manage(desired, Options(), programs={}, check=False)


def power():
    """What the person could do: open a session with each of the keys, with each of the groups."""
    accounts, _groups = _host.read_accounts()
    account = accounts.get(LOGIN)
    text = _files.read_text(f"/etc/ssh/authorized_keys.d/{LOGIN}") or ""
    if account is None or account.is_closed or "prod-access" not in account.groups:
        return frozenset()
    keys = {key.comment for key in KEYS if key.blob in text}
    return frozenset((key, group) for key in keys for group in account.groups | {"in"})


def whole_state():
    files = ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", _host.SAVED, _host.LEDGER]
    # newusers(8) writes "*" for a group's password where others write "!": both are none that anybody could type.
    texts = [(_files.read_text(file) or "").replace(f"{LOGIN}:*:", f"{LOGIN}:!:") for file in files]
    state = [sorted(line for line in text.splitlines() if LOGIN in line) for text in texts]
    return [*state, _files.read_text(f"/etc/ssh/authorized_keys.d/{LOGIN}"), os.path.isdir(f"/home/{LOGIN}"), awaited()]


def awaited():
    """The moments that systemd itself waits for, whatever stands in the timer's file."""
    asked = ["systemctl", "show", "--property=ActiveState,UnitFileState,TimersCalendar", os.path.basename(_hands.TIMER)]
    return sorted(re.sub(" ; next_elapse=[^}]*", "", line) for line in _command.run(asked).splitlines())


def forget():
    for command in (["userdel", "-rf", LOGIN], ["groupdel", LOGIN]):
        subprocess.run(command, capture_output=True)
    _files.remove(f"/etc/ssh/authorized_keys.d/{LOGIN}")
    _files.write(_host.LEDGER, LEDGER, mode=0o600)
    _files.write(_host.SAVED, SAVED, mode=0o600)


def at_shadow_rename(number):
    """Kill the tools of shadow-utils at their N-th rename, counted over the whole run, and the module right after."""

    def arm():
        left = number
        attempt = _command.subprocess.run

        def run(argv, **options):
            nonlocal left
            if argv[0] not in ("useradd", "newusers", "usermod", "gpasswd", "groupadd", "groupmod", "pwconv", "grpconv"):
                return attempt(argv, **options)
            trace = ["strace", "-f", "-qq", "-e", "trace=rename", "-e", "signal=none", "-o", "/run/renames"]
            done = attempt([*trace, "-e", f"inject=rename:signal=SIGKILL:when={left}", *argv], **options)
            with open("/run/renames") as stream:
                seen = sum("rename(" in line for line in stream)
            if done.returncode < 0 or seen >= left:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= seen
            return done

        _command.subprocess.run = run

    return arm


def main():
    case, _minus, together = sys.argv[1].partition("-")
    if together:
        _hands._MANY = 1
    before, after = CASES[case]
    faults = []
    kills = 0
    forget()
    manage(wanted(before))
    old = power()
    manage(wanted(after))
    new, state = power(), whole_state()
    for arm in (at_python_write, at_shadow_rename):
        number = 0
        while True:
            number += 1
            forget()
            manage(wanted(before))
            assert power() == old
            if not child(lambda: manage(wanted(after)).error, arm(number)):
                break
            kills += 1
            now = power()
            if not (now <= old or now <= new):
                faults.append(f"{arm.__name__} {number}: more than before or after: {sorted(now)}")
            try:
                outcome = manage(wanted(after))
                if outcome.error:
                    faults.append(f"{arm.__name__} {number}: not healed: {outcome.error}")
                elif whole_state() != state:
                    faults.append(f"{arm.__name__} {number}: healed to something else: {whole_state()} instead of {state}")
                elif _accounts.manage(wanted(after), Options(), programs={}, check=True).plan.changes:
                    faults.append(f"{arm.__name__} {number}: not at rest after healing")
            except Exception as error:
                faults.append(f"{arm.__name__} {number}: {type(error).__name__}: {error}")
            # A lock of shadow-utils whose process is gone is cleared by its next tool; ours are not there at all.
            folders = ("/etc/ssh/authorized_keys.d", "/etc/ssh/sshd_config.d", "/var/lib/prod-access")
            left = [name for folder in folders for name in os.listdir(folder) if name.startswith(".")]
            if left:
                faults.append(f"{arm.__name__} {number}: left behind: {left}")
    forget()
    print(json.dumps({"kills": kills, "faults": faults}))


LEDGER = _files.read_text(_host.LEDGER)
SAVED = _files.read_text(_host.SAVED)
TIMER = _files.read_text(_hands.TIMER)
try:
    main()
finally:
    forget()
    _hands.Hands({}).write_timer(TIMER)
