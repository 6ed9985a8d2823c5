# Managed by safetynet.prod_access. The label in front of the prompt of an interactive python.
#
# Where python edits lines by readline, that shows the label already (inputrc-label); since 3.13 it has an editor of its own.
def _prod_access():
    import os
    import sys

    if sys.version_info < (3, 13) or os.environ.get("PYTHON_BASIC_REPL") or os.environ.get("TERM", "dumb") == "dumb":
        return
    with open("/etc/prod-access/environment", encoding="utf-8") as stream:
        facts = dict(line.rstrip("\n").split("=", 1) for line in stream if "=" in line and not line.startswith("#"))
    label, sgr = facts["label"], facts["sgr_16"]
    sys.ps1 = f"\x01\033[{sgr}m\x02 {label} \x01\033[0m\x02 >>> "


try:
    _prod_access()
except Exception:  # noqa: S110 - whatever is wrong here, python goes on
    pass
finally:
    del _prod_access
