#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postmortem_window
short_description: Say from when to when a post-mortem is, before any host is asked
version_added: 0.1.0
description:
  - Checks all that somebody said about a post-mortem, the file of notes too, and says all that is wrong with it at once.
  - Ansible takes of C(-e postmortem_title='Orders table dropped'), of which the shell takes the quotes, the first word alone. Of the
    title and the times all words are taken, where it is certain which these are; where it is not, that is an error.
  - Makes points in time of what people say, once for all hosts. V(2 hours ago) is not the same moment on each of them.
options:
  title:
    description: In a few words what happened.
    type: str
    required: true
  since:
    description: When it began, such as V(2 hours ago), V(2026-11-25 12:00) or RFC 3339. Without a zone it is UTC.
    type: str
    required: true
  until:
    description: When it was over, in the same way.
    type: str
    required: true
  folder:
    description: Where all post-mortems are.
    type: path
    required: true
  notes:
    description: A file with what people saw and thought. None where it is empty.
    type: path
    default: ""
extends_documentation_fragment: safetynet.prod_access.controller
notes:
  - It runs once for all hosts of a play.
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Find out from when to when
  safetynet.prod_access.postmortem_window:
    title: Orders table dropped
    since: 2 hours ago
    until: now
    folder: postmortems
  register: __window
"""

RETURN = r"""
title:
  description: The title, with all its words.
  returned: success
  type: str
since:
  description: The first moment, RFC 3339.
  returned: success
  type: str
until:
  description: The end, RFC 3339. It is never in the future.
  returned: success
  type: str
folder:
  description: Where the post-mortem will be.
  returned: success
  type: str
"""
