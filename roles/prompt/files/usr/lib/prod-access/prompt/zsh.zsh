# Managed by safetynet.prod_access. Read at the end of the file that every interactive zsh reads.
#
# Themes set PROMPT anew before each prompt, some after our hook: so the line editor looks once more. No program is started.

. /usr/lib/prod-access/prompt/label.sh

__prod_access_prompt() {
    [[ $PROMPT == "$__prod_access_ps1"* ]] || PROMPT=$__prod_access_ps1$PROMPT
}

__prod_access_line() {
    [[ $PROMPT == "$__prod_access_ps1"* ]] || { __prod_access_prompt && zle reset-prompt }
}

if __prod_access_read; then
    if [[ -n $__prod_access_sgr ]]; then
        __prod_access_ps1=$'%{\e['$__prod_access_sgr$'m%} '$__prod_access_label$' %{\e[0m%} '
    else
        __prod_access_ps1="[$__prod_access_label] "
    fi
    autoload -Uz add-zsh-hook add-zle-hook-widget
    add-zsh-hook precmd __prod_access_prompt
    [[ ! -o zle ]] || add-zle-hook-widget line-init __prod_access_line
    . /usr/lib/prod-access/prompt/variables.sh
    . /usr/lib/prod-access/prompt/commands.sh
    if [[ -o login && -t 0 && -t 1 ]]; then /usr/lib/prod-access/prompt/welcome; fi
fi
