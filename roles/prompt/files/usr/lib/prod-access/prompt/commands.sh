# Managed by safetynet.prod_access. Commands as a person types them, in bash and zsh. Scripts do not come by here.
#
# `function name` and not `name()`: an alias of that name would be written out in its place.
# shellcheck shell=bash disable=SC2154 # label.sh sets them

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
function redis-cli { __prod_access_banner && command redis-cli "$@"; }
function mongosh { __prod_access_banner && command mongosh "$@"; }
function node { { [ $# -gt 0 ] || __prod_access_banner; } && command node "$@"; }

__prod_access_sql() {
    case $__prod_access_guards in
        *' sql '*) ;;
        *) [ -s /etc/prod-access/audit/sql ] ;;
    esac && [ -x /usr/lib/prod-access/bin/prod-access-sql ] && set -- /usr/lib/prod-access/bin/prod-access-sql "$@"
    command "$@"
}
function psql { __prod_access_sql psql "$@"; }
function mariadb { __prod_access_banner && __prod_access_sql mariadb "$@"; }
function mysql { __prod_access_banner && __prod_access_sql mysql "$@"; }

# Only what could be asked about starts the guard, which goes on with the command itself.
__prod_access_guard() {
    if [ -t 0 ] && [ -t 2 ] && [ -x /usr/sbin/prod-access-guard ]; then
        /usr/sbin/prod-access-guard run "$@"
    else
        command "$@"
    fi
}
case $__prod_access_guards in
    *' rm '*)
        function rm { case " $* " in *' -'*[rR]*) __prod_access_guard rm "$@" ;; *) command rm "$@" ;; esac; }
        ;;
esac
case $__prod_access_guards in
    *' disk '*)
        for __prod_access_name in dd mkfs mkfs.{btrfs,ext2,ext3,ext4,fat,ntfs,vfat,xfs} mke2fs mkswap wipefs blkdiscard shred; do
            eval "function $__prod_access_name { __prod_access_guard $__prod_access_name \"\$@\"; }"
        done
        unset __prod_access_name
        ;;
esac
case $__prod_access_guards in
    *' reboot '*)
        function systemctl {
            case ${*#-*} in
                *reboot* | *poweroff* | *halt* | *kexec* | *rescue* | *emergency* | *suspend* | *hibernate* | *exit*)
                    __prod_access_guard systemctl "$@"
                    ;;
                *) command systemctl "$@" ;;
            esac
        }
        ;;
esac
case $__prod_access_guards in
    *[a-z]*)
        function sudo {
            case " $* " in
                *[\ /]rm\ * | *[\ /]dd\ * | *[\ /]mk[fes]* | *[\ /]wipefs\ * | *[\ /]blkdiscard\ * | *[\ /]shred\ * | *[\ /]systemctl\ * | \
                    *[\ /]psql\ * | *[\ /]mariadb\ * | *[\ /]mysql\ *)
                    __prod_access_guard sudo "$@"
                    ;;
                *) command sudo "$@" ;;
            esac
        }
        ;;
esac
