# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have packages, without loading a package manager where they are there. See the module's documentation."""

from __future__ import annotations

import shlex
from typing import Any

from ansible.plugins.action import ActionBase

# dpkg-query(1): one line for each package, and each architecture of it; it fails where a name is not known.
_ASK = "dpkg-query --show --showformat='${db:Status-Status}\\n' -- "
# systemd-detect-virt(1): it fails where there is no container.
_CONTAINED = "systemd-detect-virt --container --quiet"
# Of Debian and what is made of it, whose package manager is known by that; others may have dpkg-query too.
_DEBIAN = "test -e /etc/debian_version"


class ActionModule(ActionBase):
    """One short command on the host; what is missing is left to ansible.builtin.package."""

    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(
            argument_spec={
                "name": {"type": "list", "elements": "str", "required": True},
                "in_containers": {"type": "bool", "default": True},
            }
        )
        names = arguments["name"]
        if not names or (not arguments["in_containers"] and self._succeeds(_CONTAINED)) or self._are_installed(names):
            return {**result, "changed": False}
        task = self._task.copy()
        task.args = {"name": names, "state": "present"}
        if not (task_vars or {}).get("ansible_package_use") and self._succeeds(_DEBIAN):
            # It would gather facts to learn that, which takes longer than to say so.
            task.args["use"] = "apt"
        package = self._shared_loader_obj.action_loader.get(
            "ansible.builtin.package",
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        return {**result, **package.run(task_vars=task_vars)}

    def _succeeds(self, command: str) -> bool:
        return bool(self._low_level_execute_command(command)["rc"] == 0)

    def _are_installed(self, names: list[str]) -> bool:
        answer = self._low_level_execute_command(_ASK + shlex.join(names))
        return answer["rc"] == 0 and set(answer["stdout"].split()) == {"installed"}
