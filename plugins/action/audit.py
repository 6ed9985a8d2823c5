# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's files on a host, and what they are for. See the module's documentation."""

from __future__ import annotations

from ..module_utils import _audit
from . import tree


class ActionModule(tree.ActionModule):
    """The role's files, and what is made of them."""

    MODULES = _audit.MODULES
