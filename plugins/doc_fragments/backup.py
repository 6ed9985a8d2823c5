# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that set up backups have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """What the modules that set up backups have in common."""

    DOCUMENTATION = r"""
options:
  lock_timeout:
    description: How long to wait for another run on the same host, in seconds.
    type: int
    default: 60
  owner:
    description: Who runs this, for those who find the host locked. The action plugin fills it in; it cannot be set.
    type: str
    default: a controller
attributes:
  check_mode:
    description: Says what would change, as far as it can be known before the packages are there.
    support: full
  diff_mode:
    description: Shows files that are no secrets, and what else is done.
    support: full
  platform:
    description: Linux with systemd. Debian 12 and 13 are tested; restic's server is a package of Debian 13.
    support: full
    platforms: posix
"""
