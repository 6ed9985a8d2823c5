# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From when to when, before any host is asked. See the module's documentation."""

from __future__ import annotations

import os
import time
from typing import Any, ClassVar

import yaml
from ansible import context
from ansible.errors import AnsibleError

from ..module_utils._event import written
from ..plugin_utils import _extra_words, _postmortem
from ..plugin_utils._controller import OnceForAllHosts

# What people set, whose words may have been lost.
_VARIABLES = {"title": "postmortem_title", "since": "postmortem_from", "until": "postmortem_to"}
# What is asked for, here and where it is written.
WINDOW: dict[str, Any] = {
    "title": {"type": "str", "required": True},
    "since": {"type": "str", "required": True},
    "until": {"type": "str", "required": True},
    "folder": {"type": "path", "required": True},
    "notes": {"type": "path", "default": ""},
}


class ActionModule(OnceForAllHosts):
    ARGUMENTS: ClassVar[dict[str, Any]] = WINDOW

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        now = int(time.time() * 1_000_000)
        faults = []
        try:
            lost = _extra_words.whole(context.CLIARGS.get("extra_vars") or (), tuple(_VARIABLES.values()))
            for name, variable in _VARIABLES.items():
                taken, meant = lost.get(variable, ("", ""))
                arguments[name] = meant if arguments[name] == taken else arguments[name]
        except ValueError as error:
            faults.append(str(error))
        try:
            said = {"title": arguments["title"], "from": arguments["since"], "to": arguments["until"], "names": False}
            wanted = _postmortem.asked(said, now)
            result.update(title=wanted.title, since=written(wanted.since), until=written(wanted.until))
            result["folder"] = os.path.join(os.path.abspath(arguments["folder"]), wanted.folder)
        except ValueError as error:
            faults.append(str(error))
        if arguments["notes"]:
            try:
                read_notes(arguments["notes"], now)
            except ValueError as error:
                faults.append(str(error))
        if faults:
            raise AnsibleError("\n".join(faults))
        return result


def read_notes(path: str, now: int) -> list[_postmortem.Note]:
    """What people wrote down. Raises ValueError, with all that is wrong."""
    try:
        with open(path, encoding="utf-8") as stream:
            data = yaml.safe_load(stream)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"postmortem_notes: {path}: {error}; say where the file of notes is") from None
    except yaml.YAMLError as error:
        raise ValueError(f"postmortem_notes: {path}: {' '.join(str(error).split())}; put quotes around texts") from None
    return _postmortem.notes(data, os.path.basename(path), now)
