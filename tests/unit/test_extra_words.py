"""What people wrote after -e, and Ansible would drop."""

from __future__ import annotations

import pytest
from ansible.parsing.splitter import parse_kv
from ansible_collections.safetynet.prod_access.plugins.plugin_utils._extra_words import whole

NAMES = ("postmortem_title", "postmortem_from")


def test_words_are_taken_together_where_that_is_certain() -> None:
    options = ["postmortem_title=Orders  table dropped", "postmortem_from=2 hours ago"]
    assert [parse_kv(option).get(name) for option, name in zip(options, NAMES, strict=True)] == ["Orders", "2"], "what Ansible does"
    assert whole(options, NAMES) == {"postmortem_title": ("Orders", "Orders table dropped"), "postmortem_from": ("2", "2 hours ago")}


@pytest.mark.parametrize(
    "option",
    [
        "postmortem_title='Orders table dropped'",
        "postmortem_title='Orders dropped' postmortem_from=today",
        "other=a b",
        "@postmortem_title = a b.yml",
        '{"postmortem_title": "a = b c"}',
        "[a, b]",
        "",
    ],
)
def test_where_nothing_of_ours_is_lost_there_is_nothing_to_do(option: str) -> None:
    assert whole([option], NAMES) == {}


def test_what_is_said_again_counts_as_it_is_said_last() -> None:
    assert whole(["postmortem_title=a b", "postmortem_title=c"], NAMES) == {}


def test_all_that_is_uncertain_is_said() -> None:
    with pytest.raises(ValueError) as error:
        whole(["postmortem_title=a b postmortem_from=2 hours ago", "a postmortem_title=b"], NAMES)
    mend = "put what has blanks into quotes of its own: -e \"postmortem_title='… …'\""
    assert str(error.value).splitlines() == [
        f"-e 'postmortem_title=a b postmortem_from=2 hours ago': Ansible would drop `b hours ago`; {mend}",
        f"-e 'a postmortem_title=b': Ansible would drop `a`; {mend}",
    ]
