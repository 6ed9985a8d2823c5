# Managed by safetynet.prod_access. Read at the end of the file that every interactive bash reads.
#
# The label is not in PS1, which people set and reset: readline shows it in front of whatever the prompt is (bash(1),
# emacs-mode-string). Where bash does not edit lines it goes into PS1. No program is started for a prompt.
# shellcheck shell=bash disable=SC2154 # label.sh sets them

__prod_access_begin() {
    . /usr/lib/prod-access/prompt/label.sh
    __prod_access_read || return
    if [[ -n $__prod_access_sgr ]]; then
        __prod_access_ps1="\\[\\e[${__prod_access_sgr}m\\] $__prod_access_label \\[\\e[0m\\] "
        __prod_access_mode="\\1\\e[${__prod_access_sgr}m\\2 $__prod_access_label \\1\\e[0m\\2 "
    else
        __prod_access_ps1="[$__prod_access_label] "
        __prod_access_mode=$__prod_access_ps1
    fi

    # People who show strings of their own there, such as shapes of the cursor, keep them behind the label.
    local line shown=no
    __prod_access_emacs='' __prod_access_ins='' __prod_access_cmd=''
    while IFS= read -r line; do
        case $line in
            *"$__prod_access_label"*) ;;
            'set show-mode-in-prompt on') shown=yes ;;
            'set emacs-mode-string '*) __prod_access_emacs=${line#set emacs-mode-string } ;;
            'set vi-ins-mode-string '*) __prod_access_ins=${line#set vi-ins-mode-string } ;;
            'set vi-cmd-mode-string '*) __prod_access_cmd=${line#set vi-cmd-mode-string } ;;
        esac
    done < <(bind -v 2>/dev/null)
    [[ $shown = yes ]] || __prod_access_emacs='' __prod_access_ins='' __prod_access_cmd=''

    # At a place of its own in the array it survives the usual PROMPT_COMMAND=something, which sets the first place.
    PROMPT_COMMAND[99]=__prod_access_prompt
    __prod_access_prompt
}

__prod_access_prompt() {
    if [[ (-o emacs || -o vi) && -z ${BLE_VERSION-} ]]; then
        bind 'set show-mode-in-prompt on' 2>/dev/null
        bind "set emacs-mode-string \"$__prod_access_mode$__prod_access_emacs\"" 2>/dev/null
        bind "set vi-ins-mode-string \"$__prod_access_mode$__prod_access_ins\"" 2>/dev/null
        bind "set vi-cmd-mode-string \"$__prod_access_mode$__prod_access_cmd\"" 2>/dev/null
        PS1=${PS1-}
        PS1=${PS1#"$__prod_access_ps1"}
    elif [[ ${PS1-} != "$__prod_access_ps1"* ]]; then
        PS1=$__prod_access_ps1${PS1-}
    fi
}

if __prod_access_begin; then
    . /usr/lib/prod-access/prompt/variables.sh
    . /usr/lib/prod-access/prompt/commands.sh
    if shopt -q login_shell && [[ -t 0 && -t 1 ]]; then /usr/lib/prod-access/prompt/welcome; fi
fi
unset -f __prod_access_begin
