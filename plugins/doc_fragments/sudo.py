# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that write sudo's rules."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that write sudo's rules."""

    DOCUMENTATION = r"""
options:
  secure_path:
    description: Where sudo looks for the commands of our people.
    type: str
    default: /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  passwd_tries:
    description: How often a password can be tried.
    type: int
    default: 3
  timestamp_timeout:
    description: For how many minutes a password is good. With 0 it is asked for each time.
    type: float
    default: 5
  prove_all:
    description: Let sudo say of everybody what they may do, and not only of those whose rules changed. It takes milliseconds for each.
    type: bool
    default: false
notes:
  - Rules are for accounts that the module M(safetynet.prod_access.accounts) made. An account of others with a person's name gets none.
  - Files of others are reported where they are broken, and never changed. Only where C(/etc/sudoers) does not read
    C(/etc/sudoers.d), a marked line that includes the one file is added to it.
  - A run after which nobody could log in and become root, or its own connection could not, puts back what was there.
"""
