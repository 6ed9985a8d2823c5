# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a post-mortem from what hosts and the collector have. See the module's documentation."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from ansible.errors import AnsibleError

from ..module_utils._event import instant
from ..module_utils._node import shown
from ..plugin_utils import _gate, _postmortem, _postmortem_document, _postmortem_files, _postmortem_lint, _report_page
from ..plugin_utils._aliases import Aliases
from ..plugin_utils._controller import OnceForAllHosts
from .postmortem_window import WINDOW, read_notes


class ActionModule(OnceForAllHosts):
    ARGUMENTS: ClassVar[dict[str, Any]] = {
        **WINDOW,
        "names": {"type": "bool", "default": False},
        "collector": {"type": "str", "required": True},
        "hosts": {"type": "str", "required": True},
    }

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        now = int(time.time() * 1_000_000)
        wanted = _postmortem.Asked(
            " ".join(arguments["title"].split()), instant(arguments["since"]), instant(arguments["until"]), arguments["names"]
        )
        folder = os.path.join(os.path.abspath(arguments["folder"]), wanted.folder)
        sources = [source for source in task_vars["hostvars"]._inventory._sources if isinstance(source, str) and os.path.exists(source)]
        found = _found(task_vars, arguments, _postmortem_files.commits(sources, wanted.since, wanted.until), now)
        before = _postmortem_files.timeline(os.path.join(folder, _postmortem_files.TIMELINE))
        # Who has access is none of this; an inventory with errors can be what it is about.
        aliases = Aliases(_gate.check(task_vars).model, wanted.folder, before.get("aliases", {}), names=wanted.names)
        data = _postmortem.timeline(wanted, found, aliases, now)
        try:
            others = _postmortem_files.documents(os.path.dirname(folder))
            known = {
                name: _postmortem_files.timeline(os.path.join(os.path.dirname(folder), name, _postmortem_files.TIMELINE)) for name in others
            }
            earlier = {name: (known[name], text) for name, text in others.items() if name != wanted.folder}
            data["repeats"] = _postmortem_lint.similar(data["marks"], earlier)
            made = _postmortem_document.blocks(data, data["repeats"])
            old = others.get(wanted.folder)
            text = (
                _postmortem_document.document(data, made)
                if old is None
                else _postmortem_document.merged(old, made, before.get("evidence", {}))
            )
            data["evidence"] = made
            if not self._task.check_mode:
                _write(folder, data, text)
        except OSError as error:
            raise AnsibleError(f"{error.filename}: {error.strerror}; nothing that people wrote is lost") from None
        result.update(folder=folder, files=[os.path.join(folder, name) for name in _postmortem_files.NAMES])
        result["gaps"] = len(data["gaps"])
        result["repeats"] = [one["folder"] for one in data["repeats"]]
        self._show(data, result["files"][0])
        return result

    def _show(self, data: Mapping[str, Any], document: str) -> None:
        hosts = sum(host["source"] is not None for host in data["hosts"])
        read = f"{data['total']:,} events of {hosts} of {_gate.counted(len(data['hosts']), 'host')}"
        self._display.display(f"\n{shown(data['title'])}: {read}, {_gate.counted(len(data['gaps']), 'gap')} in the evidence")
        for one in data["repeats"]:
            self._display.display(f"  like {shown(one['folder'])}: {shown(', '.join(one['same']))}")
        self._display.display(f"Write what the record cannot know: {document}  (postmortem.html, timeline.json)")


def _write(folder: str, data: Mapping[str, Any], text: str) -> None:
    closed = _postmortem_lint.front(text).get("closed", "")
    for_page = {name: value for name, value in data.items() if name not in ("aliases", "evidence", "marks", "repeats", "counts")}
    page = _report_page.page({**for_page, "document": text.encode("utf-8", "replace").decode(), "closed": closed}, _report_page.POSTMORTEM)
    texts = (json.dumps(data, separators=(",", ":")) + "\n", page, text)
    _postmortem_files.write(folder, dict(zip(reversed(_postmortem_files.NAMES), texts, strict=True)))


def _found(
    task_vars: Mapping[str, Any], arguments: Mapping[str, Any], commits: Iterable[_postmortem.Commit], now: int
) -> _postmortem.Found:
    """What all of them answered: the collector, for all hosts, and each host for itself."""
    names = task_vars["ansible_play_hosts_all"]
    variables = {host: task_vars["hostvars"].raw_get(host) for host in names}
    asked = next((outcome for host in names for outcome in [variables[host].get(arguments["collector"])] if outcome), None)
    collector, complaint = _answer(asked)
    complaints = [f"the collector: {complaint}"] if asked and "skipped" not in asked and complaint else []
    complaints += collector.get("complaints", [])
    hosts: dict[str, Any] = {host: {**data, "source": "collector"} for host, data in collector.get("hosts", {}).items()}
    unread, here = {}, {}
    for host in names:
        own, why = _answer(variables[host].get(arguments["hosts"]))
        if own:
            here[host] = own
            complaints += [f"{host}: {one}" for one in own["complaints"]]
        if host in hosts:
            continue
        if own.get("hosts"):
            # Its own name may be another one than the inventory's.
            (data,) = own["hosts"].values()
            hosts[host] = {**data, "source": "journal", "begins": own["begins"]}
        else:
            unread[host] = why or "nothing of it ever came to the collector"
    notes = read_notes(arguments["notes"], now) if arguments["notes"] else []
    return _postmortem.Found(hosts, unread, here, tuple(commits), notes, complaints)


def _answer(outcome: Mapping[str, Any] | None) -> tuple[dict[str, Any], str]:
    """The evidence of a registered result; or none, and why."""
    if outcome is None:
        return {}, "nothing was tried there"
    if outcome.get("unreachable") or outcome.get("failed") or "evidence" not in outcome:
        kind = "could not be reached" if outcome.get("unreachable") else "could not be read"
        return {}, f"{kind}: {shown(' '.join(str(outcome.get('msg', '')).split()), 300)}"
    evidence: dict[str, Any] = json.loads(outcome["evidence"])
    return evidence, ""
