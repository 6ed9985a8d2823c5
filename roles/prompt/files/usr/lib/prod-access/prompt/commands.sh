# Managed by safetynet.prod_access. Commands as a person types them, in bash and zsh. Scripts do not come by here.
# shellcheck shell=bash

# Clients without a prompt that could be coloured say where they are before they begin.
__prod_access_banner() {
    if [ -t 0 ] && [ -t 1 ]; then
        if [ -n "$__prod_access_sgr" ]; then
            printf '\033[%sm %s \033[0m %s\n' "$__prod_access_sgr" "$__prod_access_label" "${HOSTNAME:-${HOST-}}"
        else
            printf '[%s] %s\n' "$__prod_access_label" "${HOSTNAME:-${HOST-}}"
        fi
    fi
}
redis-cli() { __prod_access_banner && command redis-cli "$@"; }
mongosh() { __prod_access_banner && command mongosh "$@"; }
mariadb() { __prod_access_banner && command mariadb "$@"; }
mysql() { __prod_access_banner && command mysql "$@"; }
node() { { [ $# -gt 0 ] || __prod_access_banner; } && command node "$@"; }
