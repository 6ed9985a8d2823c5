# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes of the modules whose work is done on the controller."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of the modules whose work is done on the controller."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Changes no host, and writes no files.
    support: full
  diff_mode:
    description: Changes no host.
    support: none
  platform:
    description: The controller.
    support: full
    platforms: posix
"""
