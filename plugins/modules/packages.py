#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: packages
short_description: Have packages on a host, quickly where they are there
version_added: 0.1.0
description:
  - Does what M(ansible.builtin.package) does with C(state=present). Where C(dpkg-query) says that all of them are installed, nothing more
    is asked, which takes a tenth of the time. Anywhere else M(ansible.builtin.package) does it all; on Debian and its kin it gathers no
    facts for that, unless C(ansible_package_use) says otherwise.
options:
  name:
    description: The packages, by the names that the host's package manager knows.
    type: list
    elements: str
    required: true
  in_containers:
    description: Whether a container needs them, too. Some are of use to a host with a kernel of its own alone.
    type: bool
    default: true
attributes:
  check_mode:
    description: Says what would change.
    support: full
  diff_mode:
    description: What M(ansible.builtin.package) shows.
    support: full
  platform:
    description: What M(ansible.builtin.package) supports; quicker on Debian and its kin.
    support: full
    platforms: posix
seealso:
  - module: ansible.builtin.package
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Have what asks for the host's name before it reboots
  safetynet.prod_access.packages:
    name: [molly-guard]
  become: true
"""

RETURN = r"""
msg:
  description: What M(ansible.builtin.package) says.
  returned: where something was missing
  type: str
"""
