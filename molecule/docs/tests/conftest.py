"""The collection as users have it: built, and installed into an empty place."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from desk import ENVIRONMENT, ROOT


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    subprocess.run(
        ["ansible-galaxy", "collection", "build", "--output-path", folder], cwd=ROOT, env=ENVIRONMENT, check=True, capture_output=True
    )
    (built,) = folder.glob("*.tar.gz")
    return built


@pytest.fixture(scope="session")
def installed(archive: Path) -> dict[str, str]:
    """The environment of somebody who has nothing but the archive."""
    return install(archive, archive.parent)


def install(archive: Path, home: Path) -> dict[str, str]:
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "ANSIBLE_CONFIG"}
    environment |= {"ANSIBLE_HOME": str(home), "ANSIBLE_PIPELINING": "1", "ANSIBLE_FORKS": "50"}
    command = ["ansible-galaxy", "collection", "install", "--offline", str(archive)]
    subprocess.run(command, cwd=home, env=environment, check=True, capture_output=True)
    return environment
