#!/usr/bin/python
# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postmortem
short_description: Write down what led to something
version_added: 0.1.0
description:
  - Makes one timeline of what the collector, or each host itself, has of a time, of receipts, of the inventory's git log and of people's
    notes. Writes it into C(DATE-TITLE) in a folder on the controller as C(timeline.json), as C(postmortem.html), one page that needs no
    network, and into C(postmortem.md), a document with questions that people answer together.
  - People appear by what they do, such as C(developer 1), unless O(names) is set. They keep that when it runs again.
  - Run again, it renews the evidence and keeps everything that people wrote, wherever they have put it.
  - What is not on record is said. A host that could not be read, is silent, or whose record begins late, is a gap in the evidence.
  - Names earlier post-mortems in the folder that have a command, an object or a host in common with this one, and what was left open there.
options:
  title:
    description: In a few words what happened.
    type: str
    required: true
  since:
    description: The first moment, RFC 3339.
    type: str
    required: true
  until:
    description: The end, RFC 3339.
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
  names:
    description: Call people by their logins.
    type: bool
    default: false
  collector:
    description: The name of the variable that M(safetynet.prod_access.postmortem_evidence) on the collector was registered in.
    type: str
    required: true
  hosts:
    description: The name of the variable that M(safetynet.prod_access.postmortem_evidence) on each host was registered in.
    type: str
    required: true
extends_documentation_fragment: safetynet.prod_access.controller
notes:
  - It runs once for all hosts of a play.
author:
  - The safetynet.prod_access maintainers (@safetynet)
"""

EXAMPLES = r"""
- name: Write what happened, and what to ask
  safetynet.prod_access.postmortem:
    title: Orders table dropped
    since: "{{ __window.since }}"
    until: "{{ __window.until }}"
    folder: postmortems
    collector: __collector
    hosts: __hosts
"""

RETURN = r"""
folder:
  description: The folder of this post-mortem.
  returned: success
  type: str
files:
  description: What was written there, the document first.
  returned: success
  type: list
  elements: str
gaps:
  description: How many gaps the evidence has.
  returned: success
  type: int
repeats:
  description: The folders of earlier post-mortems that are like this one.
  returned: success
  type: list
  elements: str
"""
