# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MariaDB on a host: its programs, what it is asked, and that it keeps a log of changes."""

from __future__ import annotations

import os
import shutil

from . import _files
from ._command import PATH, HostError, attempt, run
from ._steps import Steps

_CONFIG = "/etc/mysql/mariadb.conf.d/60-prod-access-backup.cnf"
# Rows as they were, and not statements, which may come to something else the second time.
_TEXT = """\
# Managed by safetynet.prod_access. Every change of the databases is logged, so that a table comes back to any moment.
[mariadbd]
log_bin = mariadb-bin
binlog_format = ROW
expire_logs_days = 7
"""
_UNIT = "mariadb.service"


def mariadb_program(*names: str) -> str:
    """The first of these programs that is there: MySQL's and older MariaDB's have other names."""
    for name in names:
        if shutil.which(name, path=PATH):
            return name
    raise HostError(f"{names[0]} is missing on this host", "install MariaDB's client programs")


def mariadb_query(sql: str, *options: str) -> str:
    """What a statement gives. Raises HostError with the server's words."""
    done = attempt([mariadb_program("mariadb", "mysql"), *options, "--batch", "--skip-column-names"], data=sql, timeout=600)
    if done.returncode:
        raise HostError(f"MariaDB: {done.stderr.strip()}", f"see whether it is up: systemctl status {_UNIT}")
    return done.stdout.strip()


def has_binlog() -> bool:
    return mariadb_query("SELECT @@log_bin") == "1"


def keep_binlog(steps: Steps, *, wanted: bool, restart: bool) -> list[str]:
    """Have changes logged, or not, from the server's next start on. One that logs by somebody else's settings is left as it is.

    The server reads its settings whole before they count, and gets the old ones back where it would not take them. Returns what is
    left for people to do. Raises HostError.
    """
    if not wanted:
        steps.remove(_CONFIG)
        return []
    before = _files.read_text(_CONFIG)
    if before is None and has_binlog():
        return []
    if not os.path.isdir(os.path.dirname(_CONFIG)):
        return [f"MariaDB keeps no log of changes, and has no {os.path.dirname(_CONFIG)} for settings: set log_bin by hand"]
    if steps.file(_CONFIG, _TEXT) and not steps.check:
        tried = attempt([mariadb_program("mariadbd", "mysqld"), "--user=mysql", "--verbose", "--help"])
        if tried.returncode or "\nlog-bin " not in tried.stdout:
            _put_back(before)
            said = [line for line in tried.stderr.splitlines() if "ERROR" in line] or ["it does not read that folder"]
            raise HostError(f"MariaDB would not take {_CONFIG}: {said[0]}", "mend its configuration; ours was put back")
    if has_binlog():
        return []
    if not restart:
        return [
            "MariaDB was started without log_bin, and so a table comes back as of the last dump alone until it is restarted: set "
            f"backup_mariadb_restart, or run systemctl restart {_UNIT} when it suits"
        ]
    steps.act("restart MariaDB, for its log of changes", lambda: _restart(before))
    return []


def _put_back(before: str | None) -> None:
    _files.write(_CONFIG, before) if before is not None else _files.remove(_CONFIG)


def _restart(before: str | None) -> None:
    """Restart the server. One that does not come up by new settings comes up by the old ones."""
    if not attempt(["systemctl", "restart", _UNIT], timeout=600).returncode:
        return
    _put_back(before)
    run(["systemctl", "restart", _UNIT], mend=f"journalctl -u {_UNIT}")
    raise HostError(f"MariaDB did not start with {_CONFIG}", f"see why: journalctl -u {_UNIT}; ours was put back, and it runs again")


def written() -> str:
    """The last transaction that the log has (GTID), whichever file it is in."""
    return mariadb_query("SELECT @@gtid_binlog_pos")


def close_log() -> tuple[str, str]:
    """Begin a new file of the log: those before it never change again. Returns the beginning of their paths, and the new one's name."""
    beginning, open_one = mariadb_query("FLUSH LOCAL BINARY LOGS; SELECT @@log_bin_basename; SHOW MASTER STATUS").splitlines()[:2]
    return beginning, open_one.split("\t")[0]
