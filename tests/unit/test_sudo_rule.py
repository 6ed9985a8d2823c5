"""Rules of sudo: what they mean, and what is refused because it would give more than it says."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from ansible_collections.safetynet.prod_access.plugins.module_utils._node import Node, Problem
from ansible_collections.safetynet.prod_access.plugins.module_utils._sudo_rule import (
    Command,
    SudoRule,
    commands_of,
    expand,
    parse_sudo,
)
from ansible_collections.safetynet.prod_access.tests.unit.strategies import JUNK, RULES
from hypothesis import given
from hypothesis import strategies as st


def read(value: Any) -> tuple[SudoRule | None, list[str]]:
    problems: list[Problem] = []
    rule = SudoRule.parse(Node(value, ("x",), problems))
    assert (rule is None) == bool(problems)
    assert all(problem.mend for problem in problems)
    return rule, [f"{'.'.join(map(str, problem.path[1:]))}: {problem.what}" for problem in problems]


def rule(text: str) -> SudoRule:
    found, problems = read(yaml.safe_load(text))
    assert problems == []
    assert found is not None
    return found


def refused(text: str) -> list[str]:
    return read(yaml.safe_load(text))[1]


def test_services() -> None:
    assert rule("services: [search.service, indexer@1.service]") == SudoRule(services=("search.service", "indexer@1.service"))


def test_commands_as_a_user_with_a_password() -> None:
    assert rule("{commands: [/usr/bin/reindex], as: [search, app_1], password: true}") == SudoRule(
        commands=("/usr/bin/reindex",), run_as=("search", "app_1"), password=True
    )


def test_everything_as_a_user() -> None:
    assert rule("{commands: all, as: [postgres]}") == SudoRule(everything=True, run_as=("postgres",))


def test_files_to_edit() -> None:
    assert rule("{edit: [/etc/search/search.yml]}") == SudoRule(edit=("/etc/search/search.yml",))


@pytest.mark.parametrize(
    "command",
    [
        "/usr/sbin/traceroute",
        "/usr/local/bin/reindex --shard {1,2,3}",
        "/usr/bin/{cat,tac} /var/log/{syslog,messages}",
        "/opt/tool -o Dpkg::Options=--force-confold install nginx=1.22,5",
        "/usr/bin/printf \\041 'a' \"b\" #c",
        "/opt/Ünïcode/bin/tool",
        "/usr/local/bin/deploy ^--version [0-9]+(\\.[0-9]+)*$",
        "/usr/local/bin/deploy ^(web|db)[0-9]{1,2}$",
        "/usr/local/bin/deploy ^[^ /]+$",
        "/usr/local/bin/deploy ^\\#\\$[,] a$",
        "/usr/local/bin/deploy ^[A-Za-z0-9_.-]+$",
        "/usr/local/bin/deploy ^[[:alnum:]]+( [[:alnum:]]+)?$",
        "/usr/local/bin/deploy ^/srv/[a-z/]+$",
        "/usr/local/bin/{deploy,revert} ^[]a-z]{2,3}\\.\\$[|]$",
        "/usr/bin/bash /opt/fixed.sh",
        "/usr/bin/python3 -u /opt/fixed.py",
        "/usr/bin/systemctl daemon-reload",
        # Written out, arguments give what they say, though other arguments of the same programs would run anything.
        "/usr/bin/find /srv/cache -mtime +7 -delete",
        "/usr/bin/tar -czf /backup/etc.tgz /etc",
        "/usr/bin/rsync -a /srv/ /backup/srv/",
        "/usr/bin/tar ^-xf /srv/[a-z0-9.-]+\\.tgz -C /srv/(web|db)$",
        "/usr/bin/find ^/srv/[a-z]+ -name (a|b)x?[0-9] -print$",
        "/usr/bin/find ^(-x )?/srv/[a-z]+$",
        "/usr/bin/env ^A=[a-z]+$",
        "/usr/bin/systemctl --no-pager status a.service",
    ],
)
def test_commands_that_say_what_they_give(command: str) -> None:
    assert rule(json.dumps({"commands": [command]})).commands == (command,)


BLANKS = "matches blanks or slashes"
MORE = "a wildcard spans blanks and slashes"
OPEN = "the pattern is open"
MORE_THAN = "gives more than it says"
RUNS = "runs whatever its user asks for while it runs"
VARIES = "can run other programs when its options say so"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("traceroute", "traceroute is not an absolute path"),
        ("ALL", "ALL is not a command"),
        ("all", "all is not a command"),
        ("!/bin/su", "negation does not take power away"),
        ("NOPASSWD: /bin/su", "NOPASSWD: is not an absolute path"),
        ("/usr/bin/", "a directory gives all that is or will be in it"),
        ("/usr/../bin/su", "/usr/../bin/su is not the plain form of the path"),
        ("/usr/bin/{cat,../../root/x}", "/usr/bin/../../root/x is not the plain form of the path"),
        ("/usr//bin/su", "/usr//bin/su is not the plain form of the path"),
        ("/usr/bin/./su", "/usr/bin/./su is not the plain form of the path"),
        ("/usr/bin/x,NOPASSWD:ALL", "a path does not hold `,` `:`"),
        ("/usr/bin/x, /bin/sh", "a path does not hold `,`"),
        ("/usr/bin/$(id)", "a path does not hold `$` `(` `)`"),
        ("/usr/bin/a\\ b", "a path does not hold `\\`"),
        ('"/usr/bin/a" b', '"/usr/bin/a" is not an absolute path'),
        ("/usr/bin/*", "a pattern in a path would match programs that nobody thought of"),
        ("/usr/bin/x? a", "a pattern in a path would match programs that nobody thought of"),
        ("sudoedit /etc/hosts", "sudoedit is not a command in this sense"),
        ("/usr/bin/sudoedit /etc/hosts", "sudoedit is not a command in this sense"),
        ("/usr/bin/x  a", "two blanks in a row"),
        ("/usr/bin/x a  b", "two blanks in a row"),
        ("/usr/bin/x {a ,b} c", "two blanks in a row"),
        ("/usr/bin/x {a,b }", "two blanks in a row"),
        ('/usr/bin/x ""', '"" is how sudoers says that there are no arguments'),
        ("/usr/bin/x *", MORE),
        ("/usr/bin/x a?", MORE),
        ("/usr/bin/x [ab]", MORE),
        ("/usr/bin/x {a", "a { without its }, or one within another"),
        ("/usr/bin/x {a,{b,c}}", "a { without its }, or one within another"),
        ("/usr/bin/x a}", "a } without its {"),
        ("/usr/bin/x {a}", "alternatives must be two or more, different, and none of them empty"),
        ("/usr/bin/x {a,}", "alternatives must be two or more, different, and none of them empty"),
        ("/usr/bin/x {a,a}", "alternatives must be two or more, different, and none of them empty"),
        ("/usr/bin/x " + "{a,b}" * 9, "more than 256 alternatives"),
        ("/usr/bin/x " + "{a,b}" * 20000, "more than 256 alternatives"),
        # Were it written out, sudo would read the first as a pattern.
        ("/usr/bin/x {^.*$,a}", "a pattern stands for all arguments, and not among alternatives"),
        ("/usr/bin/{x ^.*$,y}", "a { without its }, or one within another"),
        ("/usr/bin/{y,x ^.*$}", "a { without its }, or one within another"),
        ("/usr/bin/{y,x} {a,^.*$} b", "a pattern stands for all arguments, and not among alternatives"),
        ("/usr/bin/x ^a", OPEN),
        ("/usr/bin/x ^a\\$", OPEN),
        ("/usr/bin/x ^$", "the pattern is empty"),
        ("/usr/bin/x ^a|b$", OPEN),
        ("/usr/bin/x ^(a|b)|c$", OPEN),
        ("/usr/bin/x ^(a$", "not a regular expression: missing ), unterminated subpattern at position 1"),
        ("/usr/bin/x ^a{99999999999}$", "not a regular expression: the repetition number is too large"),
        ("/usr/bin/x ^" + "(" * 5000 + ")" * 5000 + "$", "not a regular expression: "),
        ("/usr/bin/x ^.*$", BLANKS),
        ("/usr/bin/x ^a .b$", BLANKS),
        ("/usr/bin/x ^[^a]$", BLANKS),
        ("/usr/bin/x ^[^ ]+$", BLANKS),
        ("/usr/bin/x ^[^/]+$", BLANKS),
        ("/usr/bin/x ^[ -~]+$", BLANKS),
        ("/usr/bin/x ^[+-z]+$", BLANKS),
        ("/usr/bin/x ^[[:print:]]+$", BLANKS),
        ("/usr/bin/x ^[a[:punct:]]+$", BLANKS),
        ("/usr/bin/x ^a#b$", "# cannot stand in a pattern"),
        ("/usr/bin/x ^[#]b$", "# cannot stand in a pattern"),
        ("/usr/bin/x ^a$b$", "$ cannot stand in a pattern"),
        ("/usr/bin/x ^[$]b$", "$ cannot stand in a pattern"),
        ("/usr/bin/x ^a, b$", "a comma before a blank cannot stand in a pattern"),
        ("/usr/bin/x ^\\d+$", "\\d is not of sudo's expressions"),
        ("/usr/bin/x ^\\S+$", "\\S is not of sudo's expressions"),
        ("/usr/bin/x ^(?:a)$", "(? is not of sudo's expressions"),
        ("/usr/bin/vim /etc/hosts", f"{MORE_THAN}: /usr/bin/vim {RUNS}"),
        ("/usr/bin/vim.tiny /etc/hosts", f"{MORE_THAN}: /usr/bin/vim.tiny {RUNS}"),
        ("/usr/bin/less /var/log/syslog", f"{MORE_THAN}: /usr/bin/less {RUNS}"),
        ("/usr/bin/{cat,less} /var/log/syslog", f"{MORE_THAN}: /usr/bin/less {RUNS}"),
        ("/usr/bin/apt-get install nginx", f"{MORE_THAN}: /usr/bin/apt-get {RUNS}"),
        ("/usr/bin/make install", f"{MORE_THAN}: /usr/bin/make {RUNS}"),
        ("/usr/bin/psql -l", f"{MORE_THAN}: /usr/bin/psql {RUNS}"),
        ("/usr/bin/sudo ls", f"{MORE_THAN}: /usr/bin/sudo {RUNS}"),
        ("/bin/bash", f"{MORE_THAN}: /bin/bash runs whatever its user asks for, or has in the directory they are in"),
        ("/usr/bin/python3.11", MORE_THAN),
        ("/usr/bin/python3 -m http.server", MORE_THAN),
        ("/usr/bin/bash -i", MORE_THAN),
        ("/usr/bin/bash deploy.sh", MORE_THAN),
        ("/usr/bin/bash ^[a-z]+$", MORE_THAN),
        ("/usr/bin/systemctl status nginx", f"{MORE_THAN}: /usr/bin/systemctl has a pager"),
        ("/usr/bin/systemctl", MORE_THAN),
        ("/usr/bin/systemctl ^restart [a-z]+$", MORE_THAN),
        ("/usr/bin/journalctl -u nginx", f"{MORE_THAN}: /usr/bin/journalctl has a pager"),
        ("/usr/bin/find", f"{MORE_THAN}: /usr/bin/find can run other programs when its arguments say so"),
        ("/usr/bin/tar", MORE_THAN),
        ("/usr/bin/rsync ^[a-z-]+ /srv$", f"{MORE_THAN}: /usr/bin/rsync {VARIES}"),
        ("/usr/bin/tar ^-x[a-z-]+ /srv$", f"{MORE_THAN}: /usr/bin/tar {VARIES}"),
        ("/usr/bin/tar ^\\-x[a-z-]+ /srv$", f"{MORE_THAN}: /usr/bin/tar {VARIES}"),
        ("/usr/bin/tar ^(-x|a)[a-z-]+ /srv$", f"{MORE_THAN}: /usr/bin/tar {VARIES}"),
        ("/usr/bin/tar ^(/srv|[a-z-]+) /srv$", f"{MORE_THAN}: /usr/bin/tar {VARIES}"),
        ("/usr/bin/tar ^/srv(/a)?( [a-z-]+)? /srv$", f"{MORE_THAN}: /usr/bin/tar {VARIES}"),
        ("/usr/bin/tar ^x?[a-z-]+ /srv$", f"{MORE_THAN}: /usr/bin/tar {VARIES}"),
        ("/usr/bin/tar ^(x)*[a-z-]+ /srv$", f"{MORE_THAN}: /usr/bin/tar {VARIES}"),
    ],
)
def test_commands_that_give_more_than_they_say(command: str, says: str) -> None:
    (line,) = refused(json.dumps({"commands": [command]}))
    assert line.startswith(f"commands.0: {says}")


@pytest.mark.parametrize("command", ["/usr/bin/x *", "/usr/bin/x ^.*$", "/usr/bin/x ^[ -~]+$", "/usr/bin/vim /etc/hosts", "/bin/bash"])
def test_a_reason_lets_pass_what_is_only_unsafe(command: str) -> None:
    found = rule(json.dumps({"commands": [command], "unsafe": "Asked for by the network team."}))
    assert (found.commands, found.unsafe) == ((command,), "Asked for by the network team.")


@pytest.mark.parametrize("command", ["!/bin/su", "/usr/bin/*", "su", "/usr/bin/x ^a", "/usr/bin/x ^\\d$", "/usr/bin/x, /bin/sh"])
def test_no_reason_lets_pass_what_does_not_mean_what_it_says(command: str) -> None:
    assert refused(json.dumps({"commands": [command], "unsafe": "I want it."}))


@pytest.mark.parametrize(
    "unit", ["a.service", "a.b-c_d:1.service", "indexer@1.service", "dev-disk-by\\x2dlabel.mount", "-.mount", "backup.timer"]
)
def test_units(unit: str) -> None:
    assert rule(json.dumps({"services": [unit]})).services == (unit,)


@pytest.mark.parametrize(
    ("unit", "says"),
    [
        ("search", "'search' is not the full name of a unit"),
        ("indexer@.service", "'indexer@.service' is not the full name of a unit"),
        ("search.exe", "'search.exe' is not the full name of a unit"),
        ("a b.service", "'a b.service' is not the full name of a unit"),
        ("a.service,b.service", "'a.service,b.service' is not the full name of a unit"),
        ("-Hhost.service", "'-Hhost.service' is not the full name of a unit"),
        ("--force.service", "'--force.service' is not the full name of a unit"),
        ("$(id).service", "'$(id).service' is not the full name of a unit"),
        ("a" * 248 + ".service", "'aaa"),
        ("indexer@*.service", "a pattern would match units that nobody thought of"),
    ],
)
def test_what_is_no_unit(unit: str, says: str) -> None:
    (line,) = refused(json.dumps({"services": [unit]}))
    assert line.startswith(f"services.0: {says}")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("!/etc/shadow", "negation does not take power away"),
        ("etc/hosts", "etc/hosts is not an absolute path"),
        ("/etc/", "a directory gives all that is or will be in it"),
        ("/etc/../root/x", "/etc/../root/x is not the plain form of the path"),
        ("/etc/a /etc/shadow", "a path does not hold blanks"),
        ("/etc/{a,b}", "a path does not hold `,` `{` `}`"),
        ("/etc/*.conf", "a pattern matches files that nobody thought of"),
    ],
)
def test_what_is_no_file_to_edit(path: str, says: str) -> None:
    (line,) = refused(json.dumps({"edit": [path]}))
    assert line.startswith(f"edit.0: {says}")


def test_a_reason_lets_pass_a_pattern_of_files() -> None:
    assert rule("{edit: ['/etc/nginx/[!.]*.conf'], unsafe: They own all of it.}").edit == ("/etc/nginx/[!.]*.conf",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", [": a rule says one of `services`, `commands` and `edit`"]),
        ("{as: [search]}", [": a rule says one of `services`, `commands` and `edit`"]),
        ("full", [": must be a dictionary, not the text 'full'"]),
        ("{services: }", ["services: has no value"]),
        (
            "{services: [a.service], edit: [/etc/a]}",
            [": a rule says one of `services`, `commands` and `edit`, not services and edit"],
        ),
        ("{commands: all}", ["commands: everything as root is not a rule"]),
        ("{commands: all, as: [search, root]}", ["commands: everything as root is not a rule"]),
        ("{commands: ALL, as: [search]}", ["commands: must be a list, not the text 'ALL'"]),
        ("{commands: []}", ["commands: is empty"]),
        ("{commands: /bin/ls}", ["commands: must be a list, not the text '/bin/ls'"]),
        ("{commands: [/bin/ls, /bin/ls]}", ["commands.1: /bin/ls is there twice"]),
        ("{commands: [7]}", ["commands.0: must be text; YAML reads this as the number 7"]),
        ("{services: [a.service], as: [search]}", ["as: units are managed as root"]),
        ("{edit: [/etc/a], as: []}", ["as: is empty"]),
        ("{edit: [/etc/a], as: search}", ["as: must be a list, not the text 'search'"]),
        ("{edit: [/etc/a], as: [ALL]}", ["as.0: 'ALL' is not the name of one user"]),
        (
            "{edit: [/etc/a], as: ['%wheel', '#0', '!root', 'a,b', 'a:b']}",
            [f"as.{i}: {u!r} is not the name of one user" for i, u in enumerate(["%wheel", "#0", "!root", "a,b", "a:b"])],
        ),
        ("{edit: [/etc/a], as: [search, search]}", ["as.1: search is there twice"]),
        ("{edit: [/etc/a], as: [7]}", ["as.0: must be text; YAML reads this as the number 7"]),
        ("{edit: [/etc/a], password: 'yes'}", ["password: must be true or false, not the text 'yes'"]),
        ("{edit: [/etc/a], unsafe: true}", ["unsafe: must be text; YAML reads this as the boolean true"]),
        ("{edit: [/etc/a], nopasswd: true}", ["nopasswd: unknown key"]),
    ],
)
def test_what_is_no_rule(text: str, says: list[str]) -> None:
    assert refused(text) == says


@given(RULES)
def test_a_rule_comes_back_from_the_inventory_and_from_json(one: SudoRule) -> None:
    assert read(one.to_data()) == (one, [])
    assert SudoRule.from_data(json.loads(json.dumps(one.to_data()))) == one


def test_a_warning_elsewhere_does_not_cost_the_rule() -> None:
    problems: list[Problem] = []
    node = Node({"edit": ["/etc/a"]}, ("x",), problems)
    node.warn("is odd", "look at it")
    assert SudoRule.parse(node) == SudoRule(edit=("/etc/a",))


def sudo(value: Any) -> tuple[Any, list[str]]:
    problems: list[Problem] = []
    answer = parse_sudo(Node(value, ("sudo",), problems))
    return answer, [str(problem) for problem in problems]


def test_sudo_is_nothing_or_everything_or_rules() -> None:
    assert sudo("none") == ("none", [])
    assert sudo("full") == ("full", [])
    assert sudo([{"edit": ["/etc/a"]}, {"edit": ["/etc/b"]}]) == ((SudoRule(edit=("/etc/a",)), SudoRule(edit=("/etc/b",))), [])


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("ALL", "sudo: `ALL` is not known; say none or full"),
        (False, "sudo: the boolean false is not known; say none or full"),
        ([], "sudo: the list of rules is empty; say `sudo: none`, or remove the key"),
        ({"edit": ["/etc/a"]}, "sudo: must be a list of rules, not one; begin the rule with `- `"),
    ],
)
def test_nothing_else_is_sudo(value: Any, says: str) -> None:
    answer, lines = sudo(value)
    assert lines == [says]
    assert answer in ("none", ())


@given(JUNK | st.fixed_dictionaries({}, optional=dict.fromkeys(["services", "commands", "edit", "as", "password", "unsafe"], JUNK)))
def test_junk_is_refused_and_breaks_nothing(value: Any) -> None:
    problems: list[Problem] = []
    found = SudoRule.parse(Node(value, ("x",), problems))
    assert found is not None or problems


@given(st.text("/abc {},^$*.[]()|\\!?+-0:[]", min_size=1, max_size=30))
def test_no_command_breaks_the_reading_and_what_passes_is_plain(text: str) -> None:
    found, problems = read({"commands": [text]})
    for command in commands_of(text) if found else ():
        assert command.path.startswith("/")
        assert not set(command.path) & set(" ,:=\\\"'*?[]{}()!#")
        assert command.pattern == command.arguments.startswith("^")
        assert command.pattern or not set(command.arguments) & set("*?[]")
    assert problems or found


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("", []),
        ("a", ["a"]),
        ("a {b,c}", ["a b", "a c"]),
        ("{a,b}{1,2}", ["a1", "a2", "b1", "b2"]),
        ("a{b,c}d", ["abd", "acd"]),
        ("{a,b}" * 8, None),
    ],
)
def test_alternatives_are_written_out(text: str, means: list[str] | None) -> None:
    assert len(expand(text)) == 256 if means is None else expand(text) == (means or [""])


def test_a_command_is_a_program_with_its_arguments() -> None:
    assert commands_of("/bin/x") == [Command("/bin/x")]
    assert commands_of("/bin/x a b") == [Command("/bin/x", "a b")]
    assert commands_of("/bin/{x,y} a {b,c}") == [
        Command("/bin/x", "a b"),
        Command("/bin/x", "a c"),
        Command("/bin/y", "a b"),
        Command("/bin/y", "a c"),
    ]
    # Braces count repetitions in a pattern.
    assert commands_of("/bin/{x,y} ^a{1,2}$") == [Command("/bin/x", "^a{1,2}$", True), Command("/bin/y", "^a{1,2}$", True)]


def test_the_programs_of_a_rule_and_the_scripts_of_interpreters() -> None:
    commands = (
        "/usr/bin/bash -e /opt/a.sh /opt/b",
        "/usr/bin/{cat,tac} /etc/hosts",
        "/usr/bin/python3 ^/opt/[a-z]+$",
        "/usr/bin/cat /etc/motd",
    )
    found = SudoRule(commands=commands).programs()
    assert found == ("/usr/bin/bash", "/opt/a.sh", "/usr/bin/cat", "/usr/bin/tac", "/usr/bin/python3")
