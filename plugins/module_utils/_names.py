# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of people, teams, groups and units, and which of them are taken."""

from __future__ import annotations

import re
from typing import Sequence

GROUP = "prod-access"

_LOGIN = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")
_NOT_OF_LOGINS = re.compile(r"[^a-z0-9_.-]")
# useradd(8) and usermod(8) take lists separated by commas, and numbers for names.
_GROUP_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?")
_EMAIL = re.compile(r"[^\s@<>,;:\"]+@[^\s@<>,;:\"]+\.[^\s@<>,;:\"]+")

# Accounts and groups that Debian's base-passwd, systemd and common daemons own, and those of the RHEL family. A host's
# own accounts with system UIDs are checked there; this list lets `validate` say it before.
SYSTEM_NAMES = frozenset(
    """
    root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody nogroup _apt
    systemd-network systemd-resolve systemd-timesync systemd-journal systemd-coredump systemd-oom systemd-bus-proxy
    messagebus polkitd sshd _ssh ssh tss uuidd rtkit avahi colord geoclue pulse lightdm gdm halt shutdown operator
    adm tty disk kmem dialout fax voice cdrom floppy tape sudo wheel admin audio dip src shadow utmp video sasl plugdev staff
    users input kvm render sgx crontab netdev lxd incus incus-admin docker libvirt libvirt-qemu ssl-cert postfix postdrop
    postgres mysql redis mongodb rabbitmq elasticsearch nginx apache httpd ftp ntp chrony bind named unbound puppet
    syslog sssd nslcd openldap debian-tor Debian-exim statd _rpc rpc rpcuser nfsnobody landscape pollinate snapd_daemon
    fwupd-refresh usbmux dnsmasq systemd-timesyncd lock mem abrt chronyd prod-access
    """.split()
)

# Groups whose members can become root: by owning the machine's disks, its containers, or root's own files and path.
ROOT_GROUPS = frozenset("root sudo wheel admin docker lxd incus incus-admin libvirt disk kmem mem shadow staff".split())


def login_fault(name: str) -> str | None:
    """Say why a name cannot be a login or a group; None when it can.

    useradd(8) itself is no judge: Debian's accepts ``..``, ``a/b``, ``x;y`` and ``1234``.
    """
    odd = _NOT_OF_LOGINS.search(name)
    if odd is not None:
        # As an escape where it is not ASCII: some letters only look like ours.
        return f"the name holds {odd.group()!a}, which logins and groups do not"
    if not _LOGIN.fullmatch(name):
        return "not a name for a login or group"
    if name.endswith("."):
        return "a name cannot end with a dot"
    if name in SYSTEM_NAMES or name.startswith("systemd-"):
        return "the system has an account or group of this name"
    return None


LOGIN_MEND = "take 1 to 32 of a-z 0-9 _ . - beginning with a letter or _, and no name that a system uses"


def is_group(text: str) -> bool:
    """Whether it can be the name of one group that a host has."""
    return _GROUP_NAME.fullmatch(text) is not None


def is_email(text: str) -> bool:
    return _EMAIL.fullmatch(text) is not None


def some(names: Sequence[str]) -> str:
    """The first of them, and how many there are more."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
