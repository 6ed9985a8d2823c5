#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is told what happens on hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_chats
short_description: Say which chats the collector tells what people announce
version_added: 0.1.0
description:
  - Writes the addresses of chats into a file that is root's alone, and that C(prod-access-audit-notify) reads.
  - They are looked at on the controller first, all of them, and then by apprise itself on the host. Nothing is written where one is wrong.
  - Addresses are secrets. None is in an error, a difference, or anything else that a run shows.
options:
  chats:
    description: The chats, each with a name of its own. An empty list means that nobody is told.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What the chat is called wherever its address must not be seen.
        type: str
        required: true
      url:
        description: The address, in the form of apprise.
        type: str
        required: true
      tell:
        description: What this chat is told; all that the others are when it is not given.
        type: list
        elements: str
attributes:
  check_mode:
    description: Says exactly what would change.
    support: full
  diff_mode:
    description: Shows names and services, and that an address is another one, but no address.
    support: full
  platform:
    description: Linux. Debian 12 and 13 are tested.
    support: full
    platforms: posix
seealso:
  - module: safetynet.prod_access.announce_run
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Tell the people of operations
  safetynet.prod_access.audit_chats:
    chats:
      - name: operations
        url: "{{ operations_chat }}" # from ansible-vault, such as slack://...
      - name: on-call
        url: "{{ on_call_mail }}"
        tell: [alarms]
"""

RETURN = r"""
chats:
  description: The names of the chats that are told.
  returned: success
  type: list
  elements: str
  sample: [operations]
"""

import json
import os

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import _chats, _files
from ..module_utils._command import HostError, attempt

_PATH = "/etc/prod-access/chats.json"
_PROGRAM = "/usr/sbin/prod-access-audit-notify"


def _readable(chats: list[dict[str, str]], others: list[dict[str, str]], mark: str) -> str:
    """The chats as lines without their addresses; with a mark where the address is not the same in the other list."""
    known = {chat["name"]: chat["url"] for chat in others}
    lines = []
    for chat in chats:
        tell = f", told of {', '.join(chat['tell'])}" if chat.get("tell") else ""
        changed = mark if known.get(chat["name"], chat["url"]) != chat["url"] else ""
        lines.append(f"{chat['name']}: {_chats.schema(chat['url'])}{tell}{changed}\n")
    return "".join(lines)


def main() -> None:
    chat = {
        "name": {"type": "str", "required": True},
        "url": {"type": "str", "required": True, "no_log": True},
        "tell": {"type": "list", "elements": "str"},
    }
    module = AnsibleModule(
        argument_spec={"chats": {"type": "list", "elements": "dict", "required": True, "options": chat}},
        supports_check_mode=True,
    )
    os.umask(0o077)
    wanted = [{name: value for name, value in one.items() if value is not None} for one in module.params["chats"]]
    try:
        text = _files.dumped(wanted)
        found = _files.read_text(_PATH)
        changed = found != text or not _files.is_ours(_PATH, 0o600)
        if changed and os.path.exists(_PROGRAM):
            checked = attempt([_PROGRAM, "check"], data=text)
            if checked.returncode:
                module.fail_json(msg=f"{checked.stderr.strip()}\nnothing was changed")
        if changed and not module.check_mode:
            _files.make_folder(os.path.dirname(_PATH), 0o755)
            _files.write(_PATH, text, mode=0o600)
    except (HostError, OSError) as error:
        module.fail_json(msg=str(error))
    try:
        before = json.loads(found or "[]")
        shown = _readable(before, wanted, "")
    except (ValueError, KeyError, TypeError, AttributeError):
        before, shown = [], "(damaged)\n"
    diff = {"before_header": _PATH, "after_header": _PATH, "before": shown, "after": _readable(wanted, before, ", another address")}
    module.exit_json(changed=changed, chats=[one["name"] for one in wanted], **({"diff": [diff]} if changed else {}))


if __name__ == "__main__":
    main()
