#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who can log in to a host, and become what."""

from __future__ import annotations

DOCUMENTATION = r"""
module: access_info
short_description: Read who can log in to a host and become what, ours or not
version_added: 0.1.0
description:
  - Reads what is really on a host, and changes nothing. Every local account with its keys wherever sshd would look for them, its
    password, its end, its groups, and what sudo says that it may do.
  - Names what gives access and did not come from the inventory, such as keys of accounts that are not ours, further accounts with uid 0,
    members of groups that amount to root, and sudo rules of others.
  - Keys are attributed to people by their fingerprints, from C(prod_access_people). It works with an inventory that has errors, too.
options:
  with_files:
    description:
      - Also look for files that belong to no account, or to closed accounts outside their homes. This reads all local file systems.
    type: bool
    default: false
  key_owners:
    description: The people's keys, by fingerprint. The action plugin fills it in; it cannot be set.
    type: json
extends_documentation_fragment: safetynet.prod_access.reads
attributes:
  platform:
    description: Hosts with OpenSSH. Debian 12 and 13 are tested.
    support: full
    platforms: posix
notes:
  - It needs root. Accounts of a directory service (NSS) are not in the files of the host, and are not read.
seealso:
  - module: safetynet.prod_access.access
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: See who can log in and become what
  safetynet.prod_access.access_info:
  become: true
  register: found
"""

RETURN = r"""
read:
  description: When the host was read, RFC 3339 in UTC.
  returned: always
  type: str
  sample: "2026-11-25T12:00:00Z"
accounts:
  description: All local accounts.
  returned: always
  type: list
  elements: dict
  contains:
    login:
      description: The login.
      type: str
      sample: alice
    name:
      description: The full name.
      type: str
    uid:
      description: The number of the account.
      type: int
    ours:
      description: Whether it is in the group C(prod-access).
      type: bool
    shell:
      description: The login shell.
      type: str
    password:
      description: V(set), V(locked), or V(none), which asks for nothing.
      type: str
    expires:
      description: From when on the account is closed, or none.
      type: str
    closed:
      description: Whether that is past.
      type: bool
    groups:
      description: All groups, the account's own among them.
      type: list
      elements: str
    strong_groups:
      description: Those of them that amount to root, or let one read or change much.
      type: list
      elements: str
    keys:
      description: Each key with its C(fingerprint), C(type), C(bits), C(comment), C(file) and C(until), and the C(person) whose it is.
      type: list
      elements: dict
    logs_in:
      description: Whether a key or a password opens a session by ssh, as far as sshd's configuration says.
      type: bool
    sudo:
      description: The lines of C(sudo -l -U). None where sudo does not answer.
      type: list
      elements: str
strays:
  description: What gives access and did not come from the inventory, each with C(kind), C(what), the
      C(login) of the account, and the C(person), where these are known.
  returned: always
  type: list
  elements: dict
files:
  description: Paths that belong to nobody, or to closed accounts outside their homes.
  returned: with O(with_files)
  type: list
  elements: str
"""

from ..module_utils import _apply_module
from ..module_utils._survey import MODULES


def main() -> None:
    _apply_module.main(MODULES["access_info"])


if __name__ == "__main__":
    main()
