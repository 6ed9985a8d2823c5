# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What post-mortems still lack, and where they turn against people. See the module's documentation."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from ansible import constants as C

from ..module_utils._node import shown
from ..plugin_utils import _gate, _postmortem_files, _postmortem_lint
from ..plugin_utils._controller import OnceForAllHosts


class ActionModule(OnceForAllHosts):
    ARGUMENTS: ClassVar[dict[str, Any]] = {"folder": {"type": "path", "required": True}}

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {"faults": []}
        documents = _postmortem_files.documents(arguments["folder"])
        for name, text in documents.items():
            file = os.path.relpath(os.path.join(arguments["folder"], name, _postmortem_files.DOCUMENT))
            for fault in _postmortem_lint.lint(text):
                result["faults"].append({"file": file, "line": fault.line, "what": fault.what})
                self._display.display(f"{shown(file, 500)}:{fault.line}: {shown(fault.what, 500)}", color=C.COLOR_WARN, stderr=True)
        read = f"{_gate.counted(len(documents), 'post-mortem')} in {shown(arguments['folder'], 500)}"
        result["msg"] = f"{read}: {_gate.counted(len(result['faults']), 'thing')} to look at"
        self._display.display(result["msg"])
        result["failed"] = bool(result["faults"])
        return result
