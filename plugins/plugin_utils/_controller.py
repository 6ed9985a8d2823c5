# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugins that do all their work on the controller have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible.plugins.action import ActionBase


class ControllerAction(ActionBase):
    """Checks its arguments and acts, without a connection to any host. It changes no host."""

    _requires_connection = False
    _supports_check_mode = True

    ARGUMENTS: ClassVar[dict[str, Any]]
    REQUIRED_TOGETHER: ClassVar[list[list[str]]] = []

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(argument_spec=self.ARGUMENTS, required_together=self.REQUIRED_TOGETHER)
        return {**result, "changed": False, **self.act(arguments, task_vars or {})}

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The module's results. Raises AnsibleError for a task that cannot be done."""
        raise NotImplementedError


class OnceForAllHosts(ControllerAction):
    """A :class:`ControllerAction` that runs once for all hosts of a play."""

    BYPASS_HOST_LOOP = True
