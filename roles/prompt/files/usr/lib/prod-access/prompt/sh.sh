# Managed by safetynet.prod_access. What sh reads when a person types in it ($ENV). A PS1 that is set later is without the label:
# sh has no hook for prompts.
# shellcheck shell=sh disable=SC2154 # label.sh sets them

case $- in
    *i*)
        # Whoever reads this has it, and need not look for it.
        export ENV=/usr/lib/prod-access/prompt/sh.sh
        . /usr/lib/prod-access/prompt/label.sh
        if __prod_access_read; then
            __prod_access_ps1="[$__prod_access_label] "
            if [ -n "$__prod_access_sgr" ]; then
                # printf and nothing shorter: sh knows no $'\e'.
                __prod_access_ps1=$(printf '\033[%sm %s \033[0m .' "$__prod_access_sgr" "$__prod_access_label")
                __prod_access_ps1=${__prod_access_ps1%.}
            fi
            case ${PS1-} in
                "$__prod_access_ps1"*) ;;
                *) PS1=$__prod_access_ps1${PS1-} ;;
            esac
            . /usr/lib/prod-access/prompt/variables.sh
            case $0 in -*) if [ -t 0 ] && [ -t 1 ]; then /usr/lib/prod-access/prompt/welcome; fi ;; esac
        fi
        ;;
esac
