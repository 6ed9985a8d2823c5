"""Install pip from its own wheel beside this file.

ansible-test fetches a script of this kind from one fixed host, which is out of reach of networks that
only let package registries through: https://github.com/ansible/ansible/issues/77304
"""

import sys
from pathlib import Path

sys.path[:0] = map(str, Path(__file__).parent.glob("pip-*.whl"))

from pip._internal.cli.main import main  # noqa: E402  (it is in the wheel)

# The original script's own options; pip knows them not.
own = {"--no-setuptools", "--no-wheel"}
sys.exit(main(["install", "--no-compile", *(argument for argument in sys.argv[1:] if argument not in own)]))
