#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the action plugin of the same name, which sends a script over the host's connection."""

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_canaries
short_description: Run harmless commands in all the ways that people run them
version_added: 0.1.0
description:
  - Runs C(true) by ssh, in an interactive shell, a script, C(base64 | sh), Python, C(sudo -i), C(su), C(systemd-run), C(at) and C(cron), a
    static program, a shell's builtin, and one statement in each database that runs there. Each has a name that is found again in records.
  - They run as the user of the connection, who must be able to become root without a password for some of them.
  - Nothing is changed but that user's crontab, which is put back; the statements drop a table that does not exist.
  - It takes up to 75 seconds, since cron(8) is waited for.
options:
  cron:
    description: Try cron(8) as well, which begins with the next minute.
    type: bool
    default: true
  alone:
    description: Run one command by ssh and nothing else, which takes no time and needs no root.
    type: bool
    default: false
attributes:
  check_mode:
    description: Nothing is run.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
  platform:
    description: Linux with systemd. Debian 12 and 13 are tested.
    support: full
    platforms: posix
seealso:
  - module: safetynet.prod_access.audit_coverage
  - module: safetynet.prod_access.audit_events_info
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Run harmless commands in many ways
  safetynet.prod_access.audit_canaries:
  register: __audit_canaries
"""

RETURN = r"""
token:
  description: What the name of each command begins with.
  returned: unless in check mode
  type: str
  sample: canary-1f0c9a2e
person:
  description: Who ran them.
  returned: unless in check mode
  type: str
canaries:
  description: Why each was not tried; empty where it was.
  returned: unless in check mode
  type: dict
  sample: {script: "", at: no at on this host}
"""
