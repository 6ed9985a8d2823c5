"""Names that people, teams and groups may have."""

from __future__ import annotations

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._names import (
    GROUP,
    ROOT_GROUPS,
    SYSTEM_NAMES,
    is_email,
    is_group,
    login_fault,
)
from hypothesis import given
from hypothesis import strategies as st

NOT_A_LOGIN = "not a name for a login or group"
TAKEN = "the system has an account or group of this name"


@pytest.mark.parametrize("name", ["a", "_", "alice", "alice.murphy", "alice-murphy", "alice_2", "a..b", "_x-", "a" * 32])
def test_takes_names_that_every_tool_of_the_host_takes(name: str) -> None:
    assert login_fault(name) is None


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        *((name, NOT_A_LOGIN) for name in ("", "1234", "-rf", ".", "..")),
        *((name, "the name holds 'A', which logins and groups do not") for name in ("Alice", "aAb")),
        *((f"a{char}b", f"the name holds {char!a}, which logins and groups do not") for char in " /;$:,\n\0'\"é\u0430"),
        ("a" * 33, NOT_A_LOGIN),
        ("alice.", "a name cannot end with a dot"),
        *((name, TAKEN) for name in ("root", "www-data", "sudo", "docker", "users", GROUP, "systemd-whatever")),
    ],
)
def test_refuses_names_that_one_of_them_does_not_take(name: str, fault: str) -> None:
    assert login_fault(name) == fault


@given(st.text())
def test_a_name_that_is_taken_holds_nothing_that_files_or_shells_give_a_meaning(name: str) -> None:
    if login_fault(name) is None:
        assert not set(name) & set(" \t\n:,;/$*?!%#@+=\\\"'`(){}[]<>|&~^\0")
        assert name.isascii()
        assert name[0] not in ".-"


def test_groups_that_amount_to_root_are_the_systems_own() -> None:
    assert ROOT_GROUPS <= SYSTEM_NAMES


@pytest.mark.parametrize("name", ["adm", "systemd-journal", "Debian-exim", "x11.users", "machine$"])
def test_groups_of_hosts_have_names_of_their_own_kind(name: str) -> None:
    assert is_group(name)


@pytest.mark.parametrize("name", ["", "adm,sudo", "27", "-G", "a b", "a:b", "adm\n", "%adm", "!adm", "a" * 34])
def test_what_would_be_several_groups_or_a_number_is_no_name(name: str) -> None:
    assert not is_group(name)


@pytest.mark.parametrize("text", ["alice@example.com", "a.b+c@mail.example.co.uk", "ünal@exämple.de", "o'brien@example.com"])
def test_an_address_of_mail(text: str) -> None:
    assert is_email(text)


@pytest.mark.parametrize(
    "text", ["", "alice", "alice@", "@example.com", "alice@example", "a@b@c.d", "Alice <alice@example.com>", "a@b.c, d@e.f", "a b@c.d"]
)
def test_no_address_of_mail(text: str) -> None:
    assert not is_email(text)
