# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the inventory, and fail when it has an error. See the module's documentation."""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from ansible.errors import AnsibleError

from ..module_utils._moment import Moment
from ..module_utils._resolve import Model
from ..plugin_utils import _gate, _postmortem_files, _report
from ..plugin_utils._controller import OnceForAllHosts


class ActionModule(OnceForAllHosts):
    ARGUMENTS: ClassVar[dict[str, Any]] = {
        "person": {"type": "str"},
        "expect": {"type": "str", "choices": ["access", "none"]},
        "postmortems": {"type": "path"},
    }
    REQUIRED_TOGETHER: ClassVar[list[list[str]]] = [["person", "expect"]]

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        folder = arguments.pop("postmortems")
        try:
            incidents = _postmortem_files.open_incidents(folder) if folder else {}
        except OSError as error:
            raise AnsibleError(f"{error.filename}: {error.strerror}; nobody can say which incidents are open") from None
        checked = _gate.check(task_vars, history=True, incidents=incidents)
        checked.show()
        result["msg"] = checked.summary
        if not checked.errors:
            self._display.display(result["msg"])
            if arguments["expect"]:
                _check_person(checked.model, task_vars["ansible_play_hosts_all"], **arguments)
            else:
                result["differences"] = _report.differences(checked.model, checked.model.hosts, Moment(int(time.time())))
                self._show_differences(result["differences"])
        result["failed"] = bool(checked.errors)
        return result

    def _show_differences(self, differences: Iterable[Mapping[str, Any]]) -> None:
        """Where developers and operations differ, once for all hosts where they do so in the same way."""
        alike: dict[tuple[Any, ...], list[str]] = {}
        for one in differences:
            alike.setdefault((one["development"], one["operations"], *one["why"]), []).append(one["host"])
        for (development, operations, *whys), hosts in alike.items():
            some = ", ".join(hosts[:5]) + (f" and {len(hosts) - 5} more" if len(hosts) > 5 else "")
            self._display.display(f"\nNot the same access on {some}:\n  development: {development}\n  operations: {operations}")
            self._display.display("".join(f"    because {why}\n" for why in whys).rstrip())


def _check_person(model: Model, hosts: Iterable[str], person: str, expect: str) -> None:
    """Stop a run that would not do to this person what its name says."""
    if not person:
        raise AnsibleError("no person is named; say whom: -e person=alice")
    if person not in model.people:
        close = difflib.get_close_matches(person, model.people, n=1)
        raise AnsibleError(f"{person} is not in prod_access_people" + (f"; did you mean {close[0]}?" if close else ""))
    now = Moment(int(time.time()))
    granted = {host: model.person_on(person, host).in_force(now) for host in hosts if host in model.hosts}
    open_hosts = [host for host, grants in granted.items() if grants]
    state = model.people[person].state
    if expect == "none" and open_hosts:
        raise AnsibleError(
            f"the inventory still gives {person} access to {', '.join(open_hosts)}, by {granted[open_hosts[0]][0].source}; say "
            f"`state: departed` (or `suspended`) in prod_access_people.{person}, or take the grants away, and run again"
        )
    if expect == "access" and not open_hosts:
        raise AnsibleError(
            f"the inventory gives {person} (state {state}) access to none of these hosts; "
            "grant it, to the person or to one of their teams, and run again"
        )
