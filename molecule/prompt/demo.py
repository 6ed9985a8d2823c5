"""What alice sees on the fleet, for the demo: her terminals on a host of production and one of staging, and a guard that asks her."""

from __future__ import annotations

import os

from desk import SSH
from matrix import clear, enter
from picture import painted, used
from terminal import Terminal


def main() -> None:
    print("\nWhat alice sees on web1, which is production, beside stage1, which is staging:\n")
    production, staging = (log_in(name, (38, 10)) for name in ("web1", "stage1"))
    with production, staging:
        for terminal in (production, staging):
            clear(terminal)
            enter(terminal, "sudo -i")
            enter(terminal, "hostname")
        lines = max(len(used(terminal.cells)) for terminal in (production, staging))
        for left, right in zip(production.cells[:lines], staging.cells[:lines], strict=True):
            show(f"{painted(left)} │ {painted(right)}")
    print("\nAnd when she drops the orders on db1, thinking that it is another host:\n")
    with log_in("db1", (76, 20)) as terminal:
        clear(terminal)
        enter(terminal, "sudo -iu postgres psql shop")
        terminal.send("DROP TABLE orders;\r")
        terminal.settled("anything else to stop:", 10)
        terminal.send("no\r")
        terminal.settled("not confirmed", 10)
        for row in used(terminal.cells):
            show(painted(row))
    print()


def log_in(name: str, size: tuple[int, int]) -> Terminal:
    # A new user of zsh is asked, once, what dotfiles to have.
    command = "touch ~/.zshrc; exec $SHELL -l"
    return Terminal([*SSH, "-tt", f"alice@{name}", command], size=size, env={"LC_ALL": "C.UTF-8"})


def show(line: str) -> None:
    print("  " + line.rstrip())


if __name__ == "__main__":
    os.environ.pop("COLORTERM", None)
    main()
