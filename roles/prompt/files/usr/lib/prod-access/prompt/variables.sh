# Managed by safetynet.prod_access. By these, programs that a person starts find the label. What is set already stays.
# shellcheck shell=sh disable=SC2154 # label.sh sets them

[ -n "${INPUTRC-}" ] || export INPUTRC=/usr/lib/prod-access/prompt/inputrc
[ -n "${PYTHONSTARTUP-}" ] || export PYTHONSTARTUP=/usr/lib/prod-access/prompt/pythonstartup.py
[ -n "${MYSQL_PS1-}" ] || export MYSQL_PS1="[$__prod_access_label] \\N [\\d]> "
# It is tried first: sh ends where the file that it begins with is broken.
if [ -z "${ENV-}" ] && [ "$( (. /usr/lib/prod-access/prompt/sh.sh) >/dev/null 2>&1 && echo good)" = good ]; then
    export ENV=/usr/lib/prod-access/prompt/sh.sh
fi
