# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that change a host."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that change a host."""

    DOCUMENTATION = r"""
options:
  person:
    description: Change what concerns this person only, and leave everybody else as they are.
    type: str
  lock_timeout:
    description: How long to wait for another run on the same host, in seconds.
    type: int
    default: 60
  access:
    description: The resolved access of the host. The action plugin fills it in; it cannot be set.
    type: json
  owner:
    description: Who runs this, for those who find the host locked. The action plugin fills it in; it cannot be set.
    type: str
    default: a controller
  playbook:
    description: The playbook that runs. The action plugin fills it in; it cannot be set.
    type: str
    default: ""
  require_net:
    description:
      - On hosts in production, give nobody new access unless the playbook C(prove) has seen that the net holds there. Access that people
        have stays, new keys of theirs come, and what is taken away goes. Whatever is held back is an error, which says what is missing.
    type: bool
    default: false
  net_folder:
    description: The folder of C(prove), as seen from the current directory of the controller.
    type: path
    default: prove
  net_hours:
    description: For how many hours a proof is good.
    type: float
    default: 24
  net_production:
    description: The environments that are production.
    type: list
    elements: str
    default: [production]
  unproven:
    description: Why the net is not proven. The action plugin fills it in; it cannot be set.
    type: str
    default: ""
notes:
  - The inventory variables C(prod_access_people), C(prod_access_teams) and C(prod_access_grants_*) are read on the
    controller, all of them, and checked before the first connection. With an error in any of them no host is touched.
  - An error names what stands in the way on the host, for everybody at once. What ends is taken away all the same.
seealso:
  - module: safetynet.prod_access.validate
"""
