"""What alice sees on the fleet, for the demo: her terminals on a host of production and one of staging, and a guard that asks her."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from matrix import at_prompt, enter
from picture import painted
from terminal import Rows, Terminal, text_of

FLEET = Path(__file__).resolve().parents[2] / ".fleet"
_CLEAR_SCREEN = "\x0c"


def main() -> None:
    print("\nWhat alice sees on web1, which is production, beside stage1, which is staging:\n")
    production, staging = (log_in(name, (38, 10)) for name in ("web1", "stage1"))
    with production, staging:
        for terminal in (production, staging):
            start(terminal)
            enter(terminal, "sudo -i")
            enter(terminal, "hostname")
        lines = max(map(used, (production.cells, staging.cells)))
        for left, right in zip(production.cells[:lines], staging.cells[:lines], strict=True):
            show(f"{painted(left)} │ {painted(right)}")
    print("\nAnd when she drops the orders on db1, thinking that it is another host:\n")
    with log_in("db1", (76, 20)) as terminal:
        start(terminal)
        enter(terminal, "sudo -iu postgres psql shop")
        terminal.send("DROP TABLE orders;\r")
        terminal.settled("anything else to stop:", 10)
        terminal.send("no\r")
        terminal.settled("not confirmed", 10)
        for row in terminal.cells[: used(terminal.cells)]:
            show(painted(row))


def log_in(name: str, size: tuple[int, int]) -> Terminal:
    # A new user of zsh is asked, once, what dotfiles to have.
    command = "touch ~/.zshrc; exec $SHELL -l"
    ssh = ["ssh", "-F", str(FLEET / "ssh_config"), "-o", "BatchMode=yes", "-tt", f"alice@{name}", command]
    return Terminal(ssh, size=size, env={"LC_ALL": "C.UTF-8"})


def start(terminal: Terminal) -> None:
    """Wait for the first prompt, and put away what hosts say to those who log in."""
    terminal.settled(lambda: at_prompt(terminal), 10)
    terminal.send(_CLEAR_SCREEN)
    terminal.settled(lambda: terminal.cursor[1] == 0 and at_prompt(terminal))


def used(cells: Rows) -> int:
    """How many lines there are, down to the last one with text."""
    return 1 + max(y for y, row in enumerate(cells) if text_of(row).strip())


def show(line: str) -> None:
    print("  " + line.rstrip())


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    os.environ.pop("COLORTERM", None)
    main()
