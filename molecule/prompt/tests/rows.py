"""The rows of the matrix: ways to a prompt, and what must be seen there. Nothing here touches a host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from homes import HOMES, Home

WEB = ("web1", "web2")
STAGING = ("stage1",)
DATABASES = ("db1", "stage1")
RELEASES = {"web1": "Debian 12", "db1": "Debian 12", "web2": "Debian 13", "stage1": "Debian 13"}

# The login shells, and people who have them. The rows of one person run one after the other, those of different people side by side.
SHELLS = ("bash", "zsh", "fish", "sh")
PEOPLE = {"pia": "bash", "bela": "bash", "zed": "zsh", "finja": "fish", "dax": "sh"}


class Environment(NamedTuple):
    label: str
    colour: str
    # Foreground and background, by how many colours the terminal is said to have.
    cells: Mapping[str, tuple[str, str]]


# A terminal without colours can still change ink and paper.
_REVERSED = {"reversed": ("paper", "ink")}
_RED = Environment(
    "PRODUCTION", "red", {"16": ("brightwhite", "red"), "256": ("ffffff", "d70000"), "true": ("ffffff", "b20000"), **_REVERSED}
)
_AMBER = Environment("STAGING", "amber", {"16": ("black", "brown"), "256": ("000000", "ffaf00"), "true": ("000000", "ffb000"), **_REVERSED})


@dataclass(frozen=True, eq=False)
class Row:
    id: str
    shell: str
    way: str
    home: str = "none"
    # What ssh is given to run, in place of a login shell; and by root's login, in place of the person's.
    command: str = ""
    by_root: bool = False
    # What the person types to get to the prompt that is looked at.
    lines: tuple[str, ...] = ()
    # How it is known that they got there: a command, and a pattern for a line that it says.
    proof: tuple[str, str] | None = None
    # Or this, in their prompt.
    keeps: str = ""
    term: str = "xterm-256color"
    # Other variables of the person's terminal; ssh offers them, and the host takes them or not.
    env: Mapping[str, str] = field(default_factory=dict)
    # The label's colours, as in Environment.cells, or "plain" for text in brackets; where hosts differ, for each.
    shows: str | Mapping[str, str] = "256"
    # What is typed at that prompt, and what the line must hold then.
    keys: tuple[str, ...] = ("mark",)
    shown: str = "mark"
    # The shape of cursor that the person's own dotfiles ask for there.
    shape: str = ""
    # The label stands in a line of its own above the prompt, once.
    announced: bool = False
    # Why there is no label. It must be missing: what is better than said is an error too.
    hole: str = ""
    hosts: tuple[str, ...] = WEB
    # A program that must be on the host.
    needs: str = ""

    @property
    def dotfiles(self) -> Home:
        return HOMES[self.shell][self.home]

    @property
    def own(self) -> str:
        """What must be seen of the prompt that is not ours."""
        return self.keeps or ("" if self.lines or self.command else self.dotfiles.keeps)


class Case(NamedTuple):
    """A row on one of its hosts."""

    row: Row
    host: str

    def __str__(self) -> str:
        return f"{self.row.id}-{self.host}"

    @property
    def environment(self) -> Environment:
        return _AMBER if self.host in STAGING else _RED

    @property
    def expected(self) -> str:
        shows = self.row.shows
        return "none" if self.row.hole else shows if isinstance(shows, str) else shows[self.host]


_ROOT = ("id -un", "root")
_PS = "ps -o args= -p $$"
_FISH_PS = "ps -o args= -p $fish_pid"
_READS_NOTHING = "the shell is told to read no file"
_NO_LOGIN = "sh reads the file that $ENV names alone, and before a login nothing sets it without setting it for machines too"

_BECOME_ROOT = {"sudo-i": "sudo -i", "sudo-s": "sudo -s", "su": "sudo su", "su-login": "sudo su -", "sudo-bash": "sudo bash"}
_WAYS = [
    *(Row(f"{shell}-login", shell, "`ssh web1`") for shell in SHELLS),
    Row("zsh-new", "zsh", "`ssh web1`, the first time", home="new"),
    *(Row(f"{shell}-ssh-{shell}", shell, f"`ssh -t web1 {shell}`", command=shell, hole=_NO_LOGIN if shell == "sh" else "")
      for shell in SHELLS),
    Row("bash-ssh-sh", "bash", "`ssh -t web1 sh`", command="sh", proof=(_PS, "sh"), hole=_NO_LOGIN),
    Row("zsh-ssh-bash", "zsh", "`ssh -t web1 bash`", command="bash", proof=(_PS, "bash")),
    *(Row(f"{shell}-ssh-sudo", shell, "`ssh -t web1 sudo -i`", command="sudo -i", proof=_ROOT) for shell in SHELLS),
    Row("bash-ssh-tmux", "bash", "`ssh -t web1 tmux`", command="tmux", proof=("echo in $TMUX", "in /.+"), needs="tmux"),
    Row("root-ssh", "bash", "`ssh root@web1`", by_root=True, proof=_ROOT),
    Row("bash-root-su", "bash", "`ssh root@web1`, `su - alice`", by_root=True, command="su - {login}", proof=("id -un", "pia|bela")),
    *(Row(f"{shell}-{name}", shell, f"`{way}`", lines=(way,), proof=_ROOT) for shell in SHELLS for name, way in _BECOME_ROOT.items()),
    *(Row(f"bash-sudo-{shell}", "bash", f"`sudo {shell}`", lines=(f"sudo {shell}",), proof=_ROOT) for shell in ("zsh", "fish", "sh")),
    Row("bash-sudo-other", "bash", "`sudo -u daemon bash`", lines=("sudo -u daemon bash",), proof=("id -un", "daemon")),
    Row("bash-systemd-run", "bash", "`sudo systemd-run --shell`", lines=("sudo systemd-run --quiet --shell",), proof=_ROOT),
    *(Row(f"bash-nested-{shell}", "bash", f"`{shell}` in bash", lines=(shell,), proof=(_FISH_PS if shell == "fish" else _PS, shell))
      for shell in ("bash", "fish", "sh")),
    *(Row(f"{shell}-nested-bash", shell, f"`bash` in {shell}", lines=("bash",), proof=(_PS, "bash")) for shell in ("zsh", "fish", "sh")),
    Row("bash-sudo-i-sh", "bash", "`sudo -i`, `sh`", lines=("sudo -i", "sh"), proof=(_PS, "sh")),
    Row("bash-deep", "bash", "`sudo -i`, `sh`, `bash`", home="skel", lines=("sudo -i", "sh", "bash"), proof=(_PS, "bash")),
    Row("bash-env-i", "bash", "`env -i bash`", lines=("env -i bash",), proof=(_PS, "bash"), shows="plain"),
    Row("bash-env-i-term", "bash", "`env -i TERM=$TERM bash`", lines=("env -i TERM=$TERM bash",), proof=(_PS, "bash")),
    Row("bash-exec", "bash", "`exec bash -l`", home="skel", lines=("exec bash -l",), proof=(_PS, "bash -l")),
    Row("bash-rcfile", "bash", "`bash --rcfile FILE`", home="coloured", lines=("bash --rcfile ~/.bashrc",), keeps="own$"),
    Row("bash-posix", "bash", "`bash --posix`", lines=("bash --posix",), proof=(_PS, "bash --posix")),
    Row("bash-norc", "bash", "`bash --norc`", lines=("bash --norc",), proof=(_PS, "bash --norc"), hole=_READS_NOTHING),
    Row("bash-noediting", "bash", "`bash --noediting`", lines=("bash --noediting",), proof=(_PS, "bash --noediting")),
    Row("zsh-f", "zsh", "`zsh -f`", lines=("zsh -f",), proof=(_PS, "zsh -f"), hole=_READS_NOTHING),
    Row("fish-no-config", "fish", "`fish --no-config`", lines=("fish --no-config",), proof=(_FISH_PS, "fish --no-config"),
        hole=_READS_NOTHING),
    *(Row(f"{shell}-tmux", shell, "`tmux`", lines=("tmux",), proof=("echo in $TMUX", "in /.+"), needs="tmux")
      for shell in ("bash", "zsh", "fish")),
    Row("bash-tmux-16", "bash", "`tmux`, of few colours", lines=("tmux -L few start \\; set -g default-terminal screen \\; new",),
        proof=("echo in $TERM", "in screen"), shows="16", needs="tmux"),
    Row("bash-sudo-tmux", "bash", "`sudo tmux`", lines=("sudo tmux",), proof=("echo in $TMUX", "in /.+"), needs="tmux"),
    *(Row(f"{shell}-screen", shell, "`screen`", lines=("screen",), proof=("echo in $STY", "in .+"), needs="screen")
      for shell in ("bash", "zsh")),
]  # fmt: skip

_TYPED = {
    "bash": ("PS1='typed$ '", "typed$"),
    "zsh": ("PROMPT='typed%# '", "typed%"),
    "fish": ("function fish_prompt; echo -n 'typed> '; end", "typed>"),
    "sh": ("PS1='typed$ '", "typed$"),
}
_HOLES = {
    ("zsh", "no-global"): "the shell is told to leave out the files of the system",
    ("sh", "env"): "sh reads one such file, and this is the person's",
    ("sh", "typed"): "sh knows a prompt as text alone, and this is another text",
}
_SHAPES = {("bash", "vi"): "6", ("zsh", "vi"): "6"}
_DOTFILES = [
    *(Row(f"{shell}-{name}", shell, "`ssh web1`", home=name, shape=_SHAPES.get((shell, name), ""), hole=_HOLES.get((shell, name), ""))
      for shell, homes in HOMES.items() for name in homes if name not in ("none", "new", "status")),
    *(Row(f"{shell}-typed", shell, "a prompt typed", lines=(line,), keeps=keeps, hole=_HOLES.get((shell, "typed"), ""))
      for shell, (line, keeps) in _TYPED.items()),
    Row("bash-typed-root", "bash", "a prompt typed as root", home="skel", lines=("sudo -i", "PS1='typed# '"), keeps="typed#"),
    *(Row(f"{shell}-status", shell, "after `false`", home="status", lines=("false",), keeps="own 1 ") for shell in ("bash", "zsh", "fish")),
    *(Row(f"{shell}-again", shell, f"`{line}` typed", home=home, lines=(line,), keeps="own")
      for shell, home, line in (("bash", "coloured", ". ~/.bashrc"), ("zsh", "oh-my-zsh", ". ~/.zshrc"),
                                ("fish", "config", "source ~/.config/fish/config.fish"))),
    Row("bash-again-all", "bash", "`. /etc/bash.bashrc` typed", home="vi", lines=(". /etc/bash.bashrc",), keeps="$", shape="6"),
    *(Row(f"bash-typed-{name}", "bash", f"`{line}` typed", home="skel", lines=(line,), keeps="@")
      for name, line in (("command", "PROMPT_COMMAND="), ("unset", "unset PROMPT_COMMAND"), ("vi", "set -o vi"))),
]  # fmt: skip

_USUAL = {"bash": "skel", "zsh": "coloured", "fish": "function", "sh": "none"}

# The label's width is known to the line editor, and it stays where lines are drawn again.
_TO_START, _LINE_BEFORE = "\x01", "\x10"
_EDITING = [
    *(Row(f"{shell}-long", shell, "a long line, and back", home=home, keys=("lorem ipsum " * 11, _TO_START, "mark"))
      for shell, home in (("bash", "coloured"), ("zsh", "coloured"), ("fish", "function"))),
    *(Row(f"{shell}-clear", shell, "Ctrl-L", home=home, keys=("\x0cmark",))
      for shell, home in (("bash", "two-lines"), ("zsh", "coloured"), ("fish", "function"))),
    # In command mode "~" makes a capital letter.
    *(Row(f"{shell}-vi-command", shell, "vi's command mode", home="vi", keys=("mark", "\x1b", "0~"), shown="Mark", shape=shape)
      for shell, shape in (("bash", "2"), ("zsh", "2"), ("fish", ""))),
    *(Row(f"{shell}-history", shell, "a line of before", home=home, lines=("true mark",), keys=(_LINE_BEFORE,), keeps="own")
      for shell, home in (("bash", "coloured"), ("zsh", "coloured"), ("fish", "function"))),
    *(Row(f"{shell}-interrupt", shell, "Ctrl-C", home=home, keys=("junk", "\x03", "mark")) for shell, home in _USUAL.items()),
    Row("bash-completion", "bash", "a list of completions", home="coloured", keys=("ls /usr/l", "\t\t"), shown="ls /usr/l"),
    Row("bash-search", "bash", "Ctrl-R", home="skel", lines=("true mark",), keys=("\x12", "mark"),
        hole="while it searches, readline shows the search in place of the prompt"),
]  # fmt: skip


_TRUE = "exec env COLORTERM=truecolor"


def _terminals() -> Iterable[Row]:
    for shell, home in _USUAL.items():
        yield Row(f"{shell}-true", shell, "`COLORTERM=truecolor`", home=home, term="xterm", shows="true", command=f"{_TRUE} {shell} -l")
        for term, shows in (("screen-256color", "256"), ("xterm", "16"), ("linux", "16"), ("vt100", "reversed"), ("dumb", "plain")):
            # Newer fish itself writes rubbish to a vt100.
            if (shell, term) != ("fish", "vt100"):
                yield Row(f"{shell}-{term}", shell, "`ssh web1`", home=home, term=term, shows=shows)
        # A terminal that the host has not heard of.
        yield Row(f"{shell}-unheard-of", shell, "`ssh web1`", home=home, term="xterm-ghostly", shows="16")
        yield Row(f"{shell}-ascii", shell, "`LC_ALL=C`", home=home, env={"LC_ALL": "C"})
    # Debian 13's sshd takes the variable from a client that sends it.
    sent = {"web1": "256", "web2": "true"}
    yield Row("bash-true-sent", "bash", "`COLORTERM=truecolor` sent", env={"COLORTERM": "truecolor"}, shows=sent)
    yield Row(
        "bash-true-sudo", "bash", "`sudo -i`", term="xterm", shows="true", command=f"{_TRUE} bash -l", lines=("sudo -i",), proof=_ROOT
    )
    yield Row("bash-dumb-sudo", "bash", "`sudo -i`", term="dumb", shows="plain", lines=("sudo -i",), proof=_ROOT)


_BANNER = "it knows no setting for that; the label stands in a line above, when it begins"
_CLIENTS = [
    Row("psql", "bash", "`sudo -iu postgres psql`", lines=("sudo -iu postgres psql",), keeps="postgres=#", shows="16", hosts=DATABASES),
    Row("psql-shell", "bash", "`sudo -iu postgres`, `psql`", lines=("sudo -iu postgres", "psql"), keeps="postgres=#", shows="16",
        hosts=DATABASES),
    Row("mariadb", "bash", "`sudo -i`, `mariadb`", lines=("sudo -i", "mariadb"), keeps="MariaDB", shows="plain", announced=True,
        hosts=DATABASES),
    Row("mariadb-sudo", "bash", "`sudo mariadb`", lines=("sudo mariadb",), keeps="MariaDB", shows="plain", hosts=DATABASES),
    Row("sqlite3", "bash", "`sqlite3`", lines=("sqlite3",), keeps="sqlite>", shows="16", needs="sqlite3"),
    Row("python3", "bash", "`python3`", lines=("python3 -q",), keeps=">>>", shows="16", needs="python3"),
    *(Row(name, "bash", f"`{name}`", lines=(name,), keeps=keeps, announced=True, hole=_BANNER, needs=name)
      for name, keeps in (("redis-cli", ">"), ("node", ">"), ("mongosh", ">"))),
    *(Row(f"{shell}-redis-cli", shell, f"`redis-cli` in {shell}", lines=("redis-cli",), keeps=">", announced=True, hole=_BANNER,
          needs="redis-cli") for shell in ("zsh", "fish")),
]  # fmt: skip

_STAGING = [
    *(Row(f"{shell}-staging", shell, "`ssh stage1`", home=home, hosts=STAGING) for shell, home in _USUAL.items()),
    *(Row(f"{shell}-staging-sudo", shell, "`sudo -i`", hosts=STAGING, lines=("sudo -i",), proof=_ROOT) for shell in SHELLS),
    Row("bash-staging-16", "bash", "`ssh stage1`", term="linux", shows="16", hosts=STAGING),
    Row("bash-staging-true", "bash", "`COLORTERM=truecolor`", term="xterm", shows="true", hosts=STAGING, command=f"{_TRUE} bash -l"),
    Row("bash-staging-dumb", "bash", "`ssh stage1`", term="dumb", shows="plain", hosts=STAGING),
]

GROUPS: Mapping[str, list[Row]] = {
    "Ways in": _WAYS,
    "Dotfiles": _DOTFILES,
    "Editing": _EDITING,
    "Terminals": list(_terminals()),
    "Clients": _CLIENTS,
    "Staging": _STAGING,
}
CASES = [Case(row, name) for rows in GROUPS.values() for row in rows for name in row.hosts]
