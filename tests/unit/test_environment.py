"""The environment of a host: what its file says, and the safe side where it says nothing or something odd."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._environment import Environment, read, records_sql
from hypothesis import given
from hypothesis import strategies as st

TEXT = """\
# Managed by safetynet.prod_access.
environment=production
label=PRODUCTION
role=database
colour=red
sgr_16=97;41
sgr_256=38;5;231;48;5;160
sgr_true=38;2;255;255;255;48;2;200;0;0
guards=reboot rm disk sql
ask_why=yes
"""


def test_what_the_file_says() -> None:
    assert Environment.parse(TEXT) == Environment(
        name="production",
        label="PRODUCTION",
        sgr_16="97;41",
        sgr_256="38;5;231;48;5;160",
        sgr_true="38;2;255;255;255;48;2;200;0;0",
        guards=frozenset(["reboot", "rm", "disk", "sql"]),
        ask_why=True,
    )


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("", Environment()),
        ("nonsense\n=\nother=1", Environment()),
        ("environment=staging", Environment(name="staging", label="STAGING")),
        ("label=\x1b[31mX\nenvironment = a ", Environment(name="a", label="[31mX")),
        ("sgr_16=97;41m\x1b[2J\nsgr_256=1;red\nsgr_true=", Environment()),
        ("ask_why=maybe\nguards=", Environment()),
        ("ask_why=no\nask_why=yes", Environment(ask_why=True)),
    ],
)
def test_odd_ones(text: str, environment: Environment) -> None:
    assert Environment.parse(text) == environment


@pytest.mark.parametrize(
    ("term", "colorterm", "sgr"),
    [
        ("xterm", "", "97;41"),
        ("linux", "", "97;41"),
        ("xterm-256color", "", "38;5;231;48;5;160"),
        ("xterm-256color", "truecolor", "38;2;255;255;255;48;2;200;0;0"),
        ("xterm-direct", "", "38;2;255;255;255;48;2;200;0;0"),
        ("dumb", "truecolor", ""),
        ("vt100", "", ""),
        ("", "", ""),
    ],
)
def test_the_colour_that_a_terminal_can_show(term: str, colorterm: str, sgr: str) -> None:
    assert Environment.parse(TEXT).sgr({"TERM": term, "COLORTERM": colorterm}) == sgr


def test_colours_that_are_not_said() -> None:
    environment = Environment(sgr_16="97;41")
    assert environment.sgr({"TERM": "xterm-256color"}) == "97;41"
    assert environment.sgr({"TERM": "xterm", "COLORTERM": "24bit"}) == "97;41"
    assert environment.sgr({}) == ""


def test_without_a_file_there_is_no_guard(tmp_path: Path) -> None:
    assert read(str(tmp_path / "missing")) == Environment()
    (tmp_path / "environment").write_bytes(TEXT.encode() + b"role=\xff\n")
    assert read(str(tmp_path / "environment")) == Environment.parse(TEXT)


@given(st.text())
def test_anything_can_be_read(text: str) -> None:
    environment = Environment.parse(text)
    assert (environment.name + environment.label).isprintable()


def test_statements_are_recorded_where_the_file_is_not_empty(tmp_path: Path) -> None:
    file = tmp_path / "sql"
    assert not records_sql(str(file))
    file.touch()
    assert not records_sql(str(file))
    file.write_text("yes\n")
    assert records_sql(str(file))
