"""What people have in their homes: dotfiles that a coloured label must get along with. They imitate what is popular, in as few lines
as do the same to a prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Home:
    what: str
    files: Mapping[str, str] = field(default_factory=dict)
    # Of the person's own prompt, what must be seen beside the label.
    keeps: str = ""
    # Of so many lines.
    lines: int = 1
    # So many columns before it are the shell's own.
    after: int = 0
    skel: bool = False


_BASH = {
    "skel": Home("Debian's own", skel=True, keeps="@"),
    "coloured": Home(
        "own coloured `PS1`",
        {".bashrc": r"PS1='\[\e[1;32m\]\u@\h\[\e[0m\]:\[\e[34m\]\w\[\e[0m\] own\$ '" + "\n"},
        keeps="own$",
    ),
    "two-lines": Home("own `PS1` of two lines", {".bashrc": "PS1='\\u in \\w\\nown\\$ '\n"}, keeps="own$", lines=2),
    "scalar": Home("`PROMPT_COMMAND=…`", {".bashrc": "PROMPT_COMMAND='history -a'\nPS1='own\\$ '\n"}, keeps="own$"),
    "sets-ps1": Home("`PROMPT_COMMAND` sets `PS1`", {".bashrc": "PROMPT_COMMAND='PS1=\"own $? \\\\$ \"'\n"}, keeps="own 0 $"),
    "array": Home("`PROMPT_COMMAND=(… …)`", {".bashrc": "PROMPT_COMMAND=('history -a' 'PS1=\"own\\\\$ \"')\n"}, keeps="own$"),
    "starship": Home(
        "like starship",
        {
            ".bashrc": """\
starship_preexec() { [ -n "${STARSHIP_READY:-}" ] && STARSHIP_START=$SECONDS; unset STARSHIP_READY; }
starship_precmd() {
    STARSHIP_STATUS=$?
    PS1=$'\\n\\[\\e[1;36m\\]~\\[\\e[0m\\] took '${STARSHIP_STATUS}$'s\\n\\[\\e[1;32m\\]❯\\[\\e[0m\\] '
    STARSHIP_READY=1
}
trap 'starship_preexec "$_"' DEBUG
PROMPT_COMMAND=starship_precmd
"""
        },
        keeps="❯",
        lines=2,
    ),
    "vi": Home(
        "vi mode, own cursor shapes",
        {
            ".bashrc": "PS1='own\\$ '\n",
            ".inputrc": r"""$include /etc/inputrc
set editing-mode vi
set show-mode-in-prompt on
set vi-ins-mode-string "\1\e[6 q\2"
set vi-cmd-mode-string "\1\e[2 q\2"
""",
        },
        keeps="own$",
    ),
    "status": Home("`PS1` with `$?`", {".bashrc": "PS1='own $? \\$ '\n"}, keeps="own 0 $"),
    "exec-fish": Home("`exec fish` in `.bashrc`", {".bashrc": "case $- in *i*) exec fish ;; esac\n"}, keeps="@"),
    "mode-off": Home("`.inputrc` without modes", {".inputrc": "set show-mode-in-prompt off\nset completion-ignore-case on\n"}),
    "inputrc": Home(
        "`INPUTRC` elsewhere",
        {
            ".bashrc": "export INPUTRC=~/.config/inputrc\nPS1='own\\$ '\n",
            ".config/inputrc": "set completion-ignore-case on\n",
        },
        keeps="own$",
    ),
}

_ZSH = {
    # Without any file, zsh asks a new user questions.
    "new": Home("none"),
    "none": Home("an empty `.zshrc`", {".zshrc": ""}),
    "coloured": Home("own coloured `PROMPT`", {".zshrc": "PROMPT='%F{green}%n@%m%f:%F{blue}%~%f own%# '\n"}, keeps="own%"),
    "two-lines": Home("own `PROMPT` of two lines", {".zshrc": "PROMPT=$'%n in %~\\nown%# '\n"}, keeps="own%", lines=2),
    "rprompt": Home("`RPROMPT`", {".zshrc": "PROMPT='own%# '\nRPROMPT='%F{yellow}%*%f'\n"}, keeps="own%"),
    "oh-my-zsh": Home(
        "like oh-my-zsh",
        {
            ".zshrc": """\
autoload -U colors add-zsh-hook && colors
setopt prompt_subst
git_prompt_info() { print -n "git:(%{$fg[red]%}main%{$reset_color%})" }
omz_termsupport_precmd() { print -Pn '\\e]2;%n@%m:%~\\a' }
add-zsh-hook precmd omz_termsupport_precmd
PROMPT='own %{$fg_bold[green]%}➜ %{$fg[cyan]%}%c%{$reset_color%} $(git_prompt_info) %# '
precmd() { : }
"""
        },
        keeps="git:(main)",
    ),
    "powerlevel10k": Home(
        "like powerlevel10k",
        {
            ".zshrc": """\
_p9k_precmd() {
    precmd_functions=(${precmd_functions:#_p9k_precmd} _p9k_precmd)
    PROMPT='%F{blue}~%f own❯ '
    RPROMPT='%F{green}✔%f'
}
precmd_functions+=(_p9k_precmd)
"""
        },
        keeps="own❯",
    ),
    "status": Home("`PROMPT` with `%?`", {".zshrc": "PROMPT='own %? %# '\n"}, keeps="own 0 %"),
    "zdotdir": Home("`ZDOTDIR`", {".zshenv": "ZDOTDIR=$HOME/.config/zsh\n", ".config/zsh/.zshrc": "PROMPT='own%# '\n"}, keeps="own%"),
    "no-global": Home("`no_global_rcs`", {".zshenv": "setopt no_global_rcs\n", ".zshrc": "PROMPT='own%# '\n"}, keeps="own%"),
    "promptinit": Home("`prompt adam1`", {".zshrc": "autoload -Uz promptinit && promptinit\nprompt adam1\n"}, keeps="%"),
    "vi": Home(
        "vi mode, own cursor shapes",
        {
            ".zshrc": """\
bindkey -v
PROMPT='own%# '
zle-keymap-select() { [[ $KEYMAP = vicmd ]] && print -n '\\e[2 q' || print -n '\\e[6 q'; zle reset-prompt }
zle-line-init() { print -n '\\e[6 q' }
zle -N zle-keymap-select
zle -N zle-line-init
"""
        },
        keeps="own%",
    ),
}

_FISH_PROMPT = "function fish_prompt\n    set_color green\n    echo -n own\n    set_color normal\n    echo -n '> '\nend\n"
_FISH = {
    "status": Home(
        "prompt with `$status`",
        {".config/fish/functions/fish_prompt.fish": "function fish_prompt\n    echo -n own $status '> '\nend\n"},
        keeps="own 0 ",
    ),
    "function": Home("`functions/fish_prompt.fish`", {".config/fish/functions/fish_prompt.fish": _FISH_PROMPT}, keeps="own>"),
    "config": Home("`fish_prompt` in `config.fish`", {".config/fish/config.fish": _FISH_PROMPT}, keeps="own>"),
    "two-lines": Home(
        "own prompt of two lines",
        {".config/fish/functions/fish_prompt.fish": "function fish_prompt\n    echo pia in (prompt_pwd)\n    echo -n 'own> '\nend\n"},
        keeps="own>",
        lines=2,
    ),
    "starship": Home(
        "like starship",
        {
            ".config/fish/config.fish": """\
function fish_prompt
    set STARSHIP_STATUS $status
    printf '\\n\\e[1;36m~\\e[0m took %ss\\n\\e[1;32m❯\\e[0m ' $STARSHIP_STATUS
end
function fish_right_prompt
    echo right
end
"""
        },
        keeps="❯",
        lines=3,
    ),
    "vi": Home(
        "vi mode",
        {".config/fish/config.fish": "fish_vi_key_bindings\n", ".config/fish/functions/fish_prompt.fish": _FISH_PROMPT},
        keeps="own>",
        after=len("[I] "),
    ),
}

_SH = {
    "profile": Home("own `PS1` in `.profile`", {".profile": "PS1='own$ '\n"}, keeps="own$"),
    "env": Home("own `ENV`", {".profile": "ENV=$HOME/.shrc; export ENV\n", ".shrc": "PS1='own$ '\n"}, keeps="own$"),
}

# What everybody has here: a login of bash reads the same as other shells, and screen begins without a page about itself.
_ALL = {".bash_profile": "[ ! -r ~/.bashrc ] || . ~/.bashrc\n", ".screenrc": "startup_message off\nautodetach off\n"}


def _complete(home: Home) -> Home:
    return home if home.skel else replace(home, files={**_ALL, **home.files})


HOMES: Mapping[str, Mapping[str, Home]] = {
    shell: {name: _complete(home) for name, home in {"none": Home("none"), **homes}.items()}
    for shell, homes in (("bash", _BASH), ("zsh", _ZSH), ("fish", _FISH), ("sh", _SH))
}
