# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts and sudo rules of a host. See the module's documentation."""

from __future__ import annotations

from ..plugin_utils._area import ActionModule

__all__ = ["ActionModule"]
