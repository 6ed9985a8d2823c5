# Managed by safetynet.prod_access. The label in front of the prompt of interactive fish shells, whatever fish_prompt is.

function __prod_access_begin
    test -r /etc/prod-access/environment; or return 1
    set -l sgr
    while read -l line
        set -l parts (string split -m 1 = -- $line)
        switch $parts[1]
            case label
                set -g __prod_access_label (string replace -ra '[^A-Za-z0-9 ._:/@+-]' '?' -- $parts[2])
            case guards
                set -g __prod_access_guards (string split -n ' ' -- $parts[2])
            case sgr_16 sgr_256 sgr_true
                set -f $parts[1] (string replace -ra '[^0-9;]' '' -- $parts[2])
        end
    end </etc/prod-access/environment
    test -n "$__prod_access_label"; or return 1
    switch $TERM
        case dumb unknown ''
            set -g __prod_access_text "[$__prod_access_label] "
            return 0
        case 'vt*'
            set -f sgr '1;7'
        case '*'
            switch "$COLORTERM:$TERM"
                case 'truecolor:*' '24bit:*' '*-direct*'
                    set -f sgr $sgr_true
                case '*256color*'
                    set -f sgr $sgr_256
                case '*'
                    set -f sgr $sgr_16
            end
    end
    set -g __prod_access_text \e"[$sgr"m" $__prod_access_label "\e'[0m '
end

# Before each prompt: whoever has defined fish_prompt since is called by ours. $status is theirs to see.
function __prod_access_wrap --on-event fish_prompt
    set -l code $status
    if not functions fish_prompt | string match -q '*__prod_access_text*'
        functions --erase __prod_access_inner
        functions --copy fish_prompt __prod_access_inner
        function fish_prompt
            set -l code $status
            echo -n $__prod_access_text
            __prod_access_status $code
            __prod_access_inner
        end
    end
    return $code
end

function __prod_access_status
    return $argv[1]
end

function __prod_access_banner
    if isatty stdin; and isatty stdout
        echo "$__prod_access_text$hostname"
    end
end

# Only what could be asked about starts the guard, which goes on with the command itself.
function __prod_access_guard
    if isatty stdin; and isatty stderr; and test -x /usr/sbin/prod-access-guard
        /usr/sbin/prod-access-guard run $argv
    else
        command $argv
    end
end

if __prod_access_begin
    set -q INPUTRC; or set -gx INPUTRC /usr/lib/prod-access/prompt/inputrc
    set -q PYTHONSTARTUP; or set -gx PYTHONSTARTUP /usr/lib/prod-access/prompt/pythonstartup.py
    set -q MYSQL_PS1; or set -gx MYSQL_PS1 "[$__prod_access_label] \\N [\\d]> "
    set -q ENV; or set -gx ENV /usr/lib/prod-access/prompt/sh.sh

    for name in redis-cli mongosh
        function $name --inherit-variable name --wraps $name
            __prod_access_banner
            command $name $argv
        end
    end
    function node --wraps node
        test (count $argv) -gt 0; or __prod_access_banner
        command node $argv
    end
    for name in mariadb mysql psql
        function $name --inherit-variable name --wraps $name
            test $name = psql; or __prod_access_banner
            if begin; contains sql $__prod_access_guards; or test -s /etc/prod-access/audit/sql; end; and test -x /usr/lib/prod-access/bin/prod-access-sql
                /usr/lib/prod-access/bin/prod-access-sql $name $argv
            else
                command $name $argv
            end
        end
    end

    if test -n "$__prod_access_guards"
        function rm --wraps rm
            if string match -qr -- '^-[a-zA-Z]*[rR]|^--r' $argv
                __prod_access_guard rm $argv
            else
                command rm $argv
            end
        end
        for name in dd (path basename /usr/sbin/mkfs* /usr/sbin/{mke2fs,mkswap,wipefs,blkdiscard}) shred systemctl sudo
            function $name --inherit-variable name --wraps $name
                __prod_access_guard $name $argv
            end
        end
    end
    if status is-login; and isatty stdin; and isatty stdout
        /usr/lib/prod-access/prompt/welcome
    end
else
    functions --erase __prod_access_wrap
end
