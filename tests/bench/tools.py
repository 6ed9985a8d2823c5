"""What is measured: the floor, our playbooks and their peers, and how each is started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
BIN = Path(sys.executable).parent
PEERS_VENV = CHECKOUT / ".venv/bench"
PEERS_PACKAGES = next(PEERS_VENV.glob("lib/python3*/site-packages"))
# No run takes nearly as long, in seconds.
PATIENCE = 900


@dataclass(frozen=True, eq=False)
class Tool:
    """``command`` makes the argument list from an inventory's folder."""

    name: str
    command: Callable[[Path], Sequence[str | Path]]
    environment: Mapping[str, str] = field(default_factory=dict)


class Pair(NamedTuple):
    """One run, and the floor that was measured just before, in seconds."""

    floor: float
    run: float

    @property
    def ratio(self) -> float:
        return self.run / self.floor


def _playbook(path: Path) -> Callable[[Path], Sequence[str | Path]]:
    return lambda inventory: [BIN / "ansible-playbook", "-i", inventory, path]


def _version(package: str) -> str:
    return next(found.version for found in distributions(name=package, path=[str(PEERS_PACKAGES)]))


def pyinfra_inventory(inventory: Path) -> Path:
    """Beside Ansible's, which would read it otherwise."""
    return inventory.with_suffix(".py")


PING = Tool("`ansible -m ping`", lambda inventory: [BIN / "ansible", "-i", inventory, "-m", "ansible.builtin.ping", "all"])
ACCESS = Tool("`access`", _playbook(CHECKOUT / "playbooks/access.yml"))
PEERS = (
    Tool(
        f"loop by mitogen {_version('mitogen')}",
        _playbook(HERE / "peers/loop.yml"),
        {"ANSIBLE_STRATEGY": "mitogen_linear", "ANSIBLE_STRATEGY_PLUGINS": str(PEERS_PACKAGES / "ansible_mitogen/plugins/strategy")},
    ),
    Tool("loop", _playbook(HERE / "peers/loop.yml")),
    Tool(
        f"pyinfra {_version('pyinfra')}",
        lambda inventory: [PEERS_VENV / "bin/pyinfra", "--yes", pyinfra_inventory(inventory), HERE / "peers/pyinfra_deploy.py"],
    ),
)
NOTHING = Tool("an empty play", _playbook(HERE / "peers/nothing.yml"))
VALIDATE = Tool("`validate`", _playbook(CHECKOUT / "playbooks/validate.yml"))


def measure(floor: Tool, floor_inventory: Path, tool: Tool, inventory: Path) -> Pair:
    return Pair(run(floor, floor_inventory), run(tool, inventory))


def run(tool: Tool, inventory: Path) -> float:
    command = [str(part) for part in tool.command(inventory)]
    # One connection for all runs of Ansible, however long it takes what lies between them.
    environment = {**os.environ, "ANSIBLE_SSH_ARGS": "-C -o ControlMaster=auto -o ControlPersist=30m", **tool.environment}
    # As it is by default: without byte code everything starts slower, and the ratios look better.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(command)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return seconds
