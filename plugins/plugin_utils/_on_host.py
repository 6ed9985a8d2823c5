# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What action plugins have in common whose modules are on hosts: the module, by the program that stays there where that is possible."""

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

# What a shell adds to the number of a signal that killed a program (sh(1), POSIX).
_KILLED = 128


class HostAction(ActionBase):
    """Calls one module, which is one of ``MODULES``, on a host."""

    MODULES: ClassVar[Mapping[str, HostModule]]
    _supports_check_mode = True
    _supports_diff = True

    def on_host(self, arguments: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The module's answer, by whichever way it came. Its notes are shown."""
        if "owner" in self._module.arguments:
            _filled_in.refuse(("owner",), self._task.args, "it is who runs this")
            arguments = {**arguments, "owner": _filled_in.owner()}
        answer: dict[str, Any] = self._by_program(arguments) or self._execute_module(module_args=arguments, task_vars=task_vars)
        for note in answer.get("notes", ()):
            # What a host says is shown, and never trusted to be harmless to a terminal.
            self._display.warning(f"{task_vars['inventory_hostname']}: {shown(str(note), 1000)}")
        return answer

    @property
    def _name(self) -> str:
        return str(self._task.action).rpartition(".")[2]

    @property
    def _module(self) -> HostModule:
        return self.MODULES[self._name]

    def _by_program(self, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
        """Start the program that an earlier run left on the host; None where that is not there, or not of this version."""
        checked = ArgumentSpecValidator(self._module.arguments, required_one_of=self._module.required_one_of).validate(arguments)
        if checked.error_messages:
            return None  # The module says what is wrong with them.
        asked = {"package": _DIGESTS, "options": checked.validated_parameters}
        mode = "check" if self._task.check_mode else "apply"
        # Of a program that is killed the shell tells the signal, where it stays; without one, ssh would say that it lost the host.
        command = f"{_apply_program.PROGRAM} {self._name} {mode} || exit $?"
        answer = self._low_level_execute_command(command, in_data=json.dumps(asked).encode())
        if answer["rc"] > _KILLED:
            why = f"{self._name} was killed on the host, by signal {answer['rc'] - _KILLED}; run this again"
            return {"failed": True, "msg": why, "changes": []}
        if answer["rc"]:
            return None
        # Whatever a host's shell says of its own accord stands before it.
        said: dict[str, Any] = json.loads(answer["stdout"].splitlines()[-1])
        return said
