# Managed by safetynet.prod_access.
if status is-interactive; and test -r /usr/lib/prod-access/prompt/prompt.fish
    source /usr/lib/prod-access/prompt/prompt.fish
end
