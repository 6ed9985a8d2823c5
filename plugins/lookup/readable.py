# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts to go to, once the inventory's files can be read. See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
name: readable
short_description: Hosts to go to, once the inventory's files can be read
version_added: 0.1.0
description:
  - For C(hosts) of a play, which Ansible looks at before it reads C(group_vars) and C(host_vars). Gives back the pattern of hosts as it is.
  - Where a file cannot be read (broken YAML, the day 2027-02-30, a vault without its password), Ansible 2.19 ends without
    naming it. This names each such file, with the line and how to mend it, and ends the run. No host is contacted.
  - An inventory without hosts is an error, too, unless C(localhost) is among those to go to. Ansible would end well, having done nothing.
  - The playbooks of this collection that check the inventory begin with it.
options:
  _terms:
    description: A pattern of hosts.
    type: str
    required: true
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: A playbook of one's own
  hosts: "{{ lookup('safetynet.prod_access.readable', 'web:db') }}"
  roles:
    - safetynet.prod_access.accounts
"""

RETURN = r"""
_raw:
  description: The pattern.
  type: list
  elements: str
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.lookup import LookupBase

from ..plugin_utils import _gate, _readable


class LookupModule(LookupBase):
    """What templates may use."""

    _loader: DataLoader

    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **_options: Any) -> list[str]:
        problems, lines = _readable.check(self._loader, variables or {}, ":".join(terms))
        if problems:
            _gate.show(problems, lines)
            raise AnsibleError(f"the inventory has {_gate.counted(len(problems), 'error')}, shown above; no host was touched")
        return terms
