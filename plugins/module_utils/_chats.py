# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chats that are told, as a team lists them. Their addresses are secrets: no complaint repeats a part of one."""

from __future__ import annotations

import re
from typing import Any, Iterator, Mapping, Sequence

from ._notify import ABOUT

# Those of apprise 1.9.3 (Debian 13) that need no desktop; https is for addresses as Slack and others give them.
_SCHEMAS = frozenset(
    """apprise apprises aprs atalk azure bark barks bluesky bsky bulksms bulkvs burstsms chanify clicksend d7sms dapnet dingtalk
    discord emby embys fcm feishu flock form forms freemobile gchat gotify gotifys guilded hassio hassios https httpsms ifttt join
    json jsons kavenegar kumulos lametric lametrics line lsea lseas lunasea lunaseas mailgun mailto mailtos mastodon mastodons matrix
    matrixs misskey misskeys mmost mmosts mqtt mqtts msg91 msgbird msteams ncloud nclouds nctalk nctalks nexmo notica noticas
    notifiarr notifico ntfy ntfys o365 onesignal opsgenie pagerduty pagertree parsep parseps pbul plivo popcorn pover prowl psafer
    psafers push pushdeer pushdeers pushed pushme pushy reddit resend revolt rocket rockets rsyslog ryver sendgrid ses seven sfr
    signal signals sinch slack smseagle smseagles smsmanager smsmgr smtp2go sns sparkpost splunk spush strmlabs synology synologys
    tgram threema toot toots tweet twilio twist twitter victorops voipms vonage webex wecombot whatsapp workflow workflows wxpusher
    wxteams x xml xmls zulip""".split()
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_ADDRESS = re.compile(r"([A-Za-z0-9]{1,20})://[!-~]{1,2048}")
_FORM = "it is a schema of apprise and what that wants, such as slack://, mmosts://, matrixs://, workflows://, jsons:// or mailtos://"


def faults(chats: Any, path: str) -> list[str]:
    """All that is wrong with a list of chats, each with where, what, and how to mend it."""
    if not isinstance(chats, Sequence) or isinstance(chats, str):
        return [f"{path}: not a list; write one entry a chat, with a name and a url, or [] for none"]
    found = []
    names: set[Any] = set()
    addresses: set[Any] = set()
    for number, chat in enumerate(chats):
        where = f"{path}[{number}]"
        if not isinstance(chat, Mapping):
            found.append(f"{where}: not an entry with a name and a url; write - name: ..., and url: ... below it")
            continue
        found += [f"{where}.{fault}" for fault in _faults(chat)]
        for key, known in (("name", names), ("url", addresses)):
            value = chat.get(key)
            if isinstance(value, str) and value in known:
                found.append(f"{where}.{key}: the same as an earlier one; give each chat once, with a name of its own")
            known.add(value if isinstance(value, str) else None)
    return found


def _faults(chat: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(set(map(str, chat)) - {"name", "url", "tell"}):
        yield f"{key if _NAME.fullmatch(key) else '(a key)'}: not known; a chat has name, url and tell"
    name, url, tell = chat.get("name"), chat.get("url"), chat.get("tell")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield "name: missing, or not 1 to 40 letters, digits and . _ -; it stands for the address wherever that must not be seen"
    if not isinstance(url, str) or not url.strip():
        yield f"url: missing or empty; {_FORM}"
    elif url.lstrip().startswith("$ANSIBLE_VAULT"):
        yield "url: still encrypted; write it below `url: !vault |`, or keep the whole file in ansible-vault"
    else:
        yield from _address_faults(url)
    if tell is not None and (not isinstance(tell, list) or not tell or not all(one in ABOUT for one in tell if isinstance(one, str))):
        yield f"tell: not a list of {', '.join(ABOUT)}; leave it out for all that audit_collector_tell has"


def _address_faults(url: str) -> Iterator[str]:
    address = _ADDRESS.fullmatch(url)
    if address is None:
        yield f"url: not an address without blanks (not shown: it is a secret); {_FORM}"
    elif address.group(1).lower() == "http":
        yield "url: http:// alone names no service; for a webhook of your own write json://, or jsons:// for one with TLS"
    elif address.group(1).lower() not in _SCHEMAS:
        yield f"url: apprise has no such schema (not shown: it may be part of a secret); {_FORM}"


def schema(url: str) -> str:
    """What may be shown of an address."""
    return url.partition("://")[0].lower()
