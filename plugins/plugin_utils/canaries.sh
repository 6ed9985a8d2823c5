# Canaries: harmless commands, each of which names itself to whatever records commands. Read from standard input by a shell on a host,
# since a script among the arguments would name all of them at once. Prints a line for each: its name, "ran" or "skipped", and why.
# What is made here is removed again. Nothing is changed but the person's own crontab, which is put back.
# shellcheck shell=sh disable=SC2016 # another shell reads what stands in single quotes
t=$1
export t
# Of those that become root.
as_root='sudo -n'
[ "$(id -u)" != 0 ] || as_root=

say() {
    printf '%s\t%s\t%s\n' "$1" "$2" "$3"
}

# What a canary said of itself when it failed, on one line.
ran() {
    name=$1
    shift
    if said=$("$@" 2>&1 </dev/null); then
        say "$name" ran ''
    else
        say "$name" skipped "it failed: $(printf %s "$said" | tr '\n\t' '  ' | cut -c1-200)"
    fi
}

has() {
    command -v "$2" >/dev/null 2>&1 && return
    say "$1" skipped "no $2 on this host"
    return 1
}

crontab_back() {
    if [ -e "$d/crontab" ]; then
        if [ -s "$d/crontab" ]; then crontab "$d/crontab"; else crontab -r; fi
        rm -f "$d/crontab"
    fi
}

d=$(mktemp -d) || exit
trap 'crontab_back; rm -rf "$d"' EXIT
trap 'exit 1' HUP INT TERM

# Where one is enough.
if [ "$2" = alone ]; then
    say whoami "$(id -un)" ''
    ran 'ssh command' /bin/true "$t-ssh-command"
    exit 0
fi

# First, since it comes with the next minute.
if [ "$2" = without-cron ]; then
    say cron skipped 'not asked for'
elif has cron crontab; then
    if [ -z "$(pgrep -x cron || pgrep -x crond)" ]; then
        say cron skipped 'no cron runs on this host'
    else
        crontab -l >"$d/crontab.new" 2>/dev/null
        mv "$d/crontab.new" "$d/crontab"
        { cat "$d/crontab"; echo "* * * * * /bin/true $t-cron; echo >$d/cron"; } | crontab - || rm -f "$d/crontab"
        minute=$(date +%s)
    fi
fi

say whoami "$(id -un)" ''
ran 'ssh command' /bin/true "$t-ssh-command"

interactive_shell() {
    printf '/bin/true "$t-interactive-shell"\nexit\n' >"$d/typed"
    script -qec "${SHELL:-/bin/sh} -i" /dev/null <"$d/typed"
}
has 'interactive shell' script && ran 'interactive shell' interactive_shell

printf '#!/bin/sh\n/bin/true "$t-script"\n' >"$d/script"
chmod 700 "$d/script"
ran script "$d/script"

base64_sh() {
    echo '/bin/true "$t-base64-sh"' | base64 | base64 -d | sh
}
ran 'base64 | sh' base64_sh

ran 'shell builtin' sh -c 'echo "$t-shell-builtin" >/dev/null'

# A program without any library, by hand: it reads "/bin/true", an argument, and the end of each, and becomes that.
case $(uname -m) in
    x86_64) rest='AgA+AAEAAAB4AEAAAAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAQAA4AAEAAAAAAAAAAQAAAAUAAAAAAAAAAAAAAAAAQAAAAAAAAABAAAAAAAC8AAAAAAAAALwAAAAAAAAAABAAAAAAAABIgewAAgAAMcAx/0iJ5roAAQAADwVIiedIjU8KSI20JAABAABIiT5IiU4IMdJIiVYQuDsAAAAPBb8BAAAAuDwAAAAPBQ==' ;;
    aarch64) rest='AgC3AAEAAAB4AEAAAAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAQAA4AAEAAAAAAAAAAQAAAAUAAAAAAAAAAAAAAAAAQAAAAAAAAABAAAAAAADAAAAAAAAAAMAAAAAAAAAAABAAAAAAAAD/AwjRAACA0uEDAJECIIDS6AeA0gEAANTgAwCRAygAkeEDBJEgAAD5IwQA+T8IAPkCAIDSqBuA0gEAANQgAIDSqAuA0gEAANQ=' ;;
    *) rest= ;;
esac
if [ "$rest" ]; then
    { printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000'; echo "$rest" | base64 -d; } >"$d/static"
    chmod 700 "$d/static"
    static_binary() {
        printf '/bin/true\000%s\000' "$t-static-binary" | "$d/static"
    }
    ran 'static binary' static_binary
else
    say 'static binary' skipped "none for $(uname -m)"
fi

python() {
    echo 'import os; raise SystemExit(os.spawnv(os.P_WAIT, "/bin/true", ["true", os.environ["t"] + "-python"]))' | python3 -
}
has python python3 && ran python python

if $as_root true 2>/dev/null; then
    has 'sudo -i' sudo && ran 'sudo -i' sudo -n -i /bin/true "$t-sudo-i"

    printf '/bin/true %s-su\n' "$t" >"$d/su"
    # shellcheck disable=SC2086 # no word at all for root
    ran su $as_root su - root -c "sh $d/su"

    printf '/bin/true %s-systemd-run\n' "$t" >"$d/run"
    # shellcheck disable=SC2086
    ran systemd-run $as_root systemd-run --quiet --wait sh "$d/run"
else
    for name in 'sudo -i' su systemd-run; do say "$name" skipped 'sudo wants a password, or is not allowed'; done
fi

at_now() {
    echo "/bin/true $t-at; echo >$d/at" | at now
    tries=0
    until [ -e "$d/at" ] || [ $tries = 100 ]; do tries=$((tries + 1)); sleep 0.1; done
    [ -e "$d/at" ] || { echo 'it did not start within 10 s'; return 1; }
}
has at at && ran at at_now

# No table has such a name, and so none is dropped.
postgresql() {
    echo "DROP TABLE IF EXISTS \"$t-postgresql\"" >"$d/sql"
    chmod 755 "$d"
    chmod 644 "$d/sql"
    # shellcheck disable=SC2086
    $as_root su postgres -s /bin/sh -c "cd / && psql -Xq <$d/sql"
}
mariadb() {
    echo "DROP TABLE IF EXISTS mysql.\`$t-mariadb\`" >"$d/sql"
    # shellcheck disable=SC2086
    $as_root sh -c "command mariadb <$d/sql"
}
for sql in postgresql mariadb; do
    case $sql in postgresql) client=psql server=postgres ;; *) client=mariadb server=mariadbd ;; esac
    if [ -z "$(pgrep -x $server)" ]; then
        say "$sql" skipped 'no such database on this host'
    elif has "$sql" $client; then
        if $as_root true 2>/dev/null; then ran "$sql" $sql; else say "$sql" skipped 'sudo wants a password, or is not allowed'; fi
    fi
done

if [ -e "$d/crontab" ]; then
    until [ -e "$d/cron" ] || [ $(($(date +%s) - minute)) -gt 75 ]; do sleep 0.2; done
    if [ -e "$d/cron" ]; then say cron ran ''; else say cron skipped 'it did not start within 75 s'; fi
fi
