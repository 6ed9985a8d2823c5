# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugins that change hosts have in common: the module, by the program that stays on the host where that is possible."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ..module_utils import _apply_program, _library
from ..module_utils._host_module import HostModule
from ..module_utils._node import shown
from . import _filled_in

# The package that hosts have a part of, by the names of its modules. Read once, before Ansible makes a process for each host.
SOURCES = {path.stem: path.read_text(encoding="utf-8") for path in Path(_library.__file__).parent.glob("_[a-z]*.py")}
_DIGESTS = {name: _library.digest(source.encode()) for name, source in SOURCES.items()}


class HostAction(ActionBase):
    """Changes a host by calls of one module, which is one of ``MODULES``."""

    MODULES: ClassVar[Mapping[str, HostModule]]
    _supports_check_mode = True
    _supports_diff = True

    def on_host(self, arguments: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The module's answer, by whichever way it came. Its notes are shown."""
        _filled_in.refuse(("owner",), self._task.args, "it is who runs this")
        arguments = {**arguments, "owner": _filled_in.owner()}
        answer: dict[str, Any] = self._by_program(arguments) or self._execute_module(module_args=arguments, task_vars=task_vars)
        for note in answer.get("notes", ()):
            # What a host says is shown, and never trusted to be harmless to a terminal.
            self._display.warning(f"{task_vars['inventory_hostname']}: {shown(str(note), 1000)}")
        return answer

    def _by_program(self, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
        """Start the program that an earlier run left on the host; None where that is not there, or not of this version."""
        name = self._task.action.rpartition(".")[2]
        module = self.MODULES[name]
        checked = ArgumentSpecValidator(module.arguments, required_one_of=module.required_one_of).validate(arguments)
        if checked.error_messages:
            return None  # The module says what is wrong with them.
        asked = {"package": _DIGESTS, "options": checked.validated_parameters}
        mode = "check" if self._task.check_mode else "apply"
        answer = self._low_level_execute_command(f"{_apply_program.PROGRAM} {name} {mode}", in_data=json.dumps(asked).encode())
        if answer["rc"]:
            return None
        # Whatever a host's shell says of its own accord stands before it.
        said: dict[str, Any] = json.loads(answer["stdout"].splitlines()[-1])
        return said
