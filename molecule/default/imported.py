"""Ansible as a run of it is once it has found its plugins and ours: made once, by the process that runs are forked from. See playing.py."""

from __future__ import annotations

from pathlib import Path

from ansible.cli import adhoc, playbook
from ansible.constants import config
from ansible.plugins import loader

COMMANDS = {"ansible": adhoc.main, "ansible-playbook": playbook.main}

loader.init_plugin_loader()
# A run would say of this that it has been done.
loader._configure_collection_loader = lambda _paths: None
_OURS = [f"safetynet.prod_access.{path.stem}" for path in Path(__file__).parents[2].glob("plugins/action/*.py")]
for _of_kind, _names in (
    (loader.inventory_loader, config.get_config_value("INVENTORY_ENABLED")),
    (loader.callback_loader, ["default", "oneline"]),
    (loader.strategy_loader, ["linear"]),
    (loader.connection_loader, ["ssh", "local"]),
    (loader.shell_loader, ["sh"]),
    (loader.become_loader, ["sudo"]),
    (loader.action_loader, ["normal", *_OURS]),
):
    for _name in _names:
        _of_kind.get(_name, class_only=True)
for _of_kind in (loader.filter_loader, loader.test_loader):
    list(_of_kind.all(class_only=True))
