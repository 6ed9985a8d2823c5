# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the report of who has access to what, and why. See the module's documentation."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible.errors import AnsibleError

from ..module_utils._moment import Moment
from ..module_utils._node import shown
from ..plugin_utils import _gate, _report, _report_page
from ..plugin_utils._controller import OnceForAllHosts


class ActionModule(OnceForAllHosts):
    ARGUMENTS: ClassVar[dict[str, Any]] = {
        "result": {"type": "str", "required": True},
        "folder": {"type": "path", "required": True},
        "person": {"type": "str"},
    }

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        checked = _gate.check(task_vars)
        if checked.errors:
            checked.show()
            raise AnsibleError(
                f"the inventory has {_gate.counted(checked.errors, 'error')}, shown above, and so nobody can say what it grants"
            )
        person = arguments["person"] or None
        if person is not None and person not in checked.model.people:
            raise AnsibleError(f"{person} is not in prod_access_people")
        hosts = [host for host in task_vars["ansible_play_hosts_all"] if host in checked.model.hosts]
        variables = {host: task_vars["hostvars"].raw_get(host) for host in hosts}
        found = {host: _found(variables[host].get(arguments["result"])) for host in hosts}
        data = _report.report(checked.model, hosts, found, Moment(int(time.time())))
        if person is not None or len(hosts) < len(checked.model.hosts):
            self._display.display(shown_lines(_report.as_text(data, person)))
        result["unread"] = [host["name"] for host in data["hosts"] if host["problem"] is not None]
        folder = os.path.abspath(arguments["folder"])
        result["files"] = [os.path.join(folder, f"access.{kind}") for kind in ("html", "csv", "json")]
        if not self._task.check_mode:
            os.makedirs(folder, exist_ok=True)
            texts = (_report_page.page(data), _report.as_csv(data), json.dumps(data, indent=1, ensure_ascii=False) + "\n")
            for path, text in zip(result["files"], texts, strict=True):
                with open(path + ".new", "w", encoding="utf-8") as stream:
                    stream.write(text)
                os.replace(path + ".new", path)
            self._display.display(f"\nThe whole report: {result['files'][0]}  (.csv, .json)")
        return result


def _found(outcome: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a host answered, or why it did not."""
    if outcome is None:
        return {"problem": "nothing was tried there"}
    if outcome.get("unreachable") or outcome.get("failed"):
        kind = "unreachable" if outcome.get("unreachable") else "failed"
        return {"problem": f"{kind}: {shown(' '.join(str(outcome.get('msg', '')).split()), 500)}"}
    return dict(outcome)


def shown_lines(text: str) -> str:
    # What a host says is shown, and never trusted to be harmless to a terminal.
    return "\n".join(shown(line, 1000) for line in text.splitlines())
