# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the roles audit and audit_collector, looked at before any host is touched."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

# A name is a directory on the collector, and the common name of a certificate, which has 64 characters at most.
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_FIELD = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_SIZE = re.compile(r"[1-9]\d*[KMGT]?")
_PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_.]*")


def faults(settings: Mapping[str, Any]) -> Iterator[str]:
    """All that is wrong, each as a sentence that says how to mend it."""
    for name, value in settings.items():
        if name in _CHECKS:
            yield from _CHECKS[name](value, settings)


def _host(value: Any, _settings: Mapping[str, Any]) -> Iterator[str]:
    if not _HOST.fullmatch(str(value)):
        yield (
            f"inventory name {value!r}: records are kept in a directory of this name, so at most 64 letters, digits and . _ - of ASCII, "
            "beginning with a letter or a digit; name the host otherwise"
        )


def _collector(value: Any, settings: Mapping[str, Any]) -> Iterator[str]:
    if value and value not in settings["collectors"]:
        yield f"audit_to: {value!r} is no host of the inventory; name the collector as the inventory does, or leave it empty for none"


def _address(value: Any, settings: Mapping[str, Any]) -> Iterator[str]:
    if settings.get("collector") and not (isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9._:-]+", value)):
        yield f"audit_to_address: {value!r} is neither an address nor a name; say where hosts reach {settings['collector']}"


def _port(value: Any, _settings: Mapping[str, Any]) -> Iterator[str]:
    if not _is_number(value) or not 0 < value < 65536:
        yield f"the collector's port: {value!r}; it has to be a number from 1 to 65535"


def _exclude(value: Any, _settings: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(value, list):
        yield "audit_exclude: it has to be a list of rules, such as {SYSLOG_IDENTIFIER: snoopy, MESSAGE: .*check_disk.*}"
        return
    for number, rule in enumerate(value):
        place = f"audit_exclude[{number}]"
        if not isinstance(rule, dict) or not rule:
            yield f"{place}: a rule names fields of the journal, each with a pattern; one without any would exclude all"
            continue
        for name, pattern in rule.items():
            if not _FIELD.fullmatch(str(name)):
                yield f"{place}: {name!r} is no field of the journal; see: journalctl -o verbose"
            yield from _pattern(f"{place}.{name}", pattern)


def _redact(value: Any, _settings: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(value, list):
        yield "audit_redact: it has to be a list of patterns"
        return
    for number, pattern in enumerate(value):
        yield from _pattern(f"audit_redact[{number}]", pattern)
        if isinstance(pattern, str) and not any(_pattern("", pattern)) and re.search(pattern, ""):
            yield f"audit_redact[{number}]: {pattern!r} matches nothing at all as well, and would hide it between all characters"


def _pattern(place: str, pattern: Any) -> Iterator[str]:
    if not isinstance(pattern, str):
        yield f"{place}: {pattern!r} is no pattern; quote it"
        return
    try:
        re.compile(pattern)
    except re.error as error:
        yield f"{place}: {pattern!r} is no regular expression of Python: {error}"


def _sizes(value: Mapping[str, Any], _settings: Mapping[str, Any]) -> Iterator[str]:
    for name, size in value.items():
        if not _SIZE.fullmatch(str(size)):
            yield f"{name}: {size!r} is no size; say it as 500M or 2G"


def _numbers(value: Mapping[str, Any], _settings: Mapping[str, Any]) -> Iterator[str]:
    for name, (least, number) in value.items():
        if not _is_number(number) or number < least:
            yield f"{name}: {number!r}; it has to be a number, {least} or more"


def _hosts(value: Any, _settings: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(value, list) or not value:
        yield "audit_collector_hosts: it has to be a list of the hosts that may send, by their inventory names"
        return
    for name in value:
        yield from _host(name, _settings)


def _forward(value: Any, _settings: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(value, list):
        yield "audit_collector_forward: it has to be a list of rsyslog's actions, such as {type: omfwd, target: logs.example.com}"
        return
    for number, action in enumerate(value):
        place = f"audit_collector_forward[{number}]"
        if not isinstance(action, dict) or not re.fullmatch("om[a-z0-9]+", str(action.get("type"))):
            yield f"{place}: an action of rsyslog has a type, such as omfwd, omkafka or omelasticsearch"
            continue
        for name, said in action.items():
            if not _PARAMETER.fullmatch(str(name)):
                yield f"{place}: {name!r} is no parameter of rsyslog"
            if not isinstance(said, (str, int)) or (isinstance(said, str) and not said.isprintable()):
                yield f'{place}.{name}: it has to be a text on one line, or a number; booleans are "on" and "off", quoted'
            elif isinstance(said, bool):
                yield f'{place}.{name}: YAML made a boolean of it; say "on" or "off", quoted'


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_CHECKS = {
    "host": _host,
    "collector": _collector,
    "address": _address,
    "port": _port,
    "exclude": _exclude,
    "redact": _redact,
    "sizes": _sizes,
    "numbers": _numbers,
    "hosts": _hosts,
    "forward": _forward,
}
