# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that make accounts."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that make accounts."""

    DOCUMENTATION = r"""
options:
  default_shell:
    description: The login shell of accounts that are made, where the person has no C(shell).
    type: path
    default: /bin/bash
  allow_mass_removal:
    description:
      - Go on where more than two people, and more than 20 % of those with access, would lose their last access to the host.
    type: bool
    default: false
notes:
  - Only accounts in the group C(prod-access) are changed. Others, and their keys, stay as they are.
  - A run that would take away the last way to become root on the host, or the one that it is connected by, is refused.
  - After a change of sshd's configuration a new connection is opened. If that fails, the host undoes the change within 120 seconds.
"""
