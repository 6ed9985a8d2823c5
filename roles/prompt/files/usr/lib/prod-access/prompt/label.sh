# Managed by safetynet.prod_access. What bash, zsh and sh know of this host: the label, and how this terminal colours it.
# shellcheck shell=sh

# Sets __prod_access_label, __prod_access_sgr, which is empty where the terminal knows no colours, and __prod_access_guards. Starts
# no program.
__prod_access_read() {
    __prod_access_label='' __prod_access_sgr='' __prod_access_guards=''
    [ -r /etc/prod-access/environment ] || return 1
    while IFS='=' read -r __prod_access_name __prod_access_value; do
        case $__prod_access_name:${COLORTERM-}:${TERM-} in
            label:*) __prod_access_label=$__prod_access_value ;;
            guards:*) __prod_access_guards=" $__prod_access_value " ;;
            sgr_*:*:dumb | sgr_*:*:unknown | sgr_*:*:) ;;
            sgr_*:*:vt[0-9]*) __prod_access_sgr='1;7' ;;
            sgr_true:truecolor:* | sgr_true:24bit:* | sgr_true:*:*-direct*) __prod_access_sgr=$__prod_access_value ;;
            sgr_256:*:*256color*) __prod_access_sgr=$__prod_access_value ;;
            sgr_16:*) __prod_access_sgr=$__prod_access_value ;;
        esac
    done </etc/prod-access/environment
    unset __prod_access_name __prod_access_value
    # Anything else could mean something to a shell or to a terminal.
    case $__prod_access_label in '' | *[!A-Za-z0-9\ ._:/@+-]*) return 1 ;; esac
    case $__prod_access_sgr in *[!0-9\;]*) return 1 ;; esac
}
