#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate by which a collector knows a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_certificate
short_description: Sign or install the certificate by which a collector knows a host
version_added: 0.1.0
description:
  - M(safetynet.prod_access.audit) makes a key on the host, which never leaves it, and returns a request. On the collector this module
    signs it; on the host it installs what was signed, and the host ships from then on.
options:
  state:
    description: C(signed) on the collector, C(installed) on the host.
    type: str
    choices: [signed, installed]
    required: true
  name:
    description: The name of the host in the inventory. A request for another name is refused.
    type: str
    required: true
  request:
    description: The request, with O(state=signed).
    type: str
  days:
    description: How long the certificate is good.
    type: int
    default: 365
  certificate:
    description: What was signed, with O(state=installed).
    type: str
  authority:
    description: The certificate of the authority, with O(state=installed).
    type: str
  lock_timeout:
    description: How long to wait for another run on the same host, in seconds.
    type: int
    default: 60
attributes:
  check_mode:
    description: Does nothing. Without a request there is nothing to do, and in check mode there is none.
    support: full
  diff_mode:
    description: Certificates are not shown.
    support: none
  platform:
    description: Linux. Debian 12 and 13 are tested.
    support: full
    platforms: posix
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Have the collector sign this host's certificate
  safetynet.prod_access.audit_certificate:
    state: signed
    name: "{{ inventory_hostname }}"
    request: "{{ audit.request }}"
  delegate_to: log1
"""

RETURN = r"""
certificate:
  description: The certificate, which is no secret.
  returned: with O(state=signed)
  type: str
authority:
  description: The certificate of the authority.
  returned: with O(state=signed)
  type: str
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import _audit, _audit_collector, _files
from ..module_utils._command import HostError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["signed", "installed"], "required": True},
            "name": {"type": "str", "required": True},
            "request": {"type": "str"},
            "days": {"type": "int", "default": 365},
            "certificate": {"type": "str"},
            "authority": {"type": "str"},
            "lock_timeout": {"type": "int", "default": 60},
        },
        required_if=[("state", "signed", ("request",)), ("state", "installed", ("certificate", "authority"))],
        supports_check_mode=True,
    )
    os.umask(0o022)
    answer = {"changed": True}
    try:
        if module.params["state"] == "signed":
            # Many hosts ask at once; each request is signed by itself.
            answer = _audit_collector.sign(module.params)
        elif not module.check_mode:
            with _files.host_lock(f"the certificate of {module.params['name']}", module.params["lock_timeout"]):
                _audit.install_certificate(module.params)
    except (HostError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
