"""Runs of Ansible: each a process of its own, forked from one that has imported Ansible, which takes longer than many a run."""

from __future__ import annotations

import functools
import gc
import multiprocessing
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from pathlib import Path
from unittest import mock

_CONTEXT = multiprocessing.get_context("forkserver")
# What starts runs is imported in them, too.
_IMPORTED = [__name__, "imported", "pytest"]


def play(command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """What the command says and ends with. The environment is that of the first run: Ansible reads its configuration once."""
    _CONTEXT.set_forkserver_preload(_IMPORTED)
    with mock.patch.dict(os.environ, {**environment, "PYTHONPATH": str(Path(__file__).parent)}, clear=True):
        forkserver.ensure_running()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "ansiballz_cache").symlink_to(_modules().name)
        process = _CONTEXT.Process(target=_main, args=(list(command), cwd, folder))
        process.start()
        process.join()
        said = [Path(folder, name).read_text(encoding="utf-8") for name in ("stdout", "stderr")]
    assert process.exitcode is not None
    return subprocess.CompletedProcess(list(command), process.exitcode, *said)


@functools.cache
def _modules() -> tempfile.TemporaryDirectory[str]:
    """Where runs find modules that earlier ones have made ready for hosts: what is imported does not change, and neither do they."""
    return tempfile.TemporaryDirectory()


def _main(command: list[str], cwd: Path, folder: str) -> None:
    # What was imported is there for good: nothing is won by looking through it again, here and in Ansible's own forks.
    gc.freeze()
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT), number)
    os.chdir(cwd)
    import imported
    from ansible import constants

    # It is made with the configuration, and each run has one for itself.
    constants.DEFAULT_LOCAL_TMP = folder
    imported.COMMANDS[command[0]](command)
