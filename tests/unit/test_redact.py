"""What is hidden of what people type, what is not, and that it never takes long."""

from __future__ import annotations

import time

import pytest
from ansible_collections.safetynet.prod_access.plugins.module_utils._redact import redact, redact_arguments
from hypothesis import given
from hypothesis import strategies as st

SECRET = "hunter2"


@pytest.mark.parametrize(
    "text",
    [
        "mysql -phunter2 shop",
        "sudo mariadb-dump --password=hunter2 shop",
        "mysql --password hunter2",
        "PGPASSWORD=hunter2 psql shop",
        "export DB_PASSWORD='hunter2 and more'",
        'export DB_PASSWORD="a \\" hunter2"',
        "MYSQL_PWD=hunter2 mysql",
        "curl -H 'Authorization: Bearer hunter2' https://x",
        'curl -H "Authorization: hunter2"',
        "curl -u alice:hunter2 https://x",
        "curl --user alice:hunter2 https://x",
        "curl -ualice:hunter2 https://x",
        "psql postgresql://shop:hunter2@db1/shop",
        "git clone https://x:hunter2@example.com/x.git",
        "CREATE ROLE zed PASSWORD 'hunter2'",
        "ALTER ROLE zed PASSWORD 'it''s hunter2'",
        "CREATE USER zed IDENTIFIED BY 'hunter2'",
        "CREATE USER zed IDENTIFIED VIA ed25519 USING PASSWORD('hunter2')",
        "create user zed identified by 'it\\'s hunter2'",
        "set password = password('hunter2')",
        "redis-cli -a hunter2 ping",
        "sshpass -p hunter2 ssh x",
        "sshpass -phunter2 ssh x",
        "ldapsearch -w hunter2 -D cn=x",
        "usermod -p hunter2 alice",
        "smbclient -U alice%hunter2 //x/y",
        "vault login token=hunter2",
        "deploy --api-key hunter2",
        "deploy --api-key='hunter2",
        "openssl rsa -passin pass:hunter2",
        '{"client_secret": "hunter2"}',
        "aws configure set aws_secret_access_key=hunter2",
        "echo '-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----' >k",
        "echo '-----BEGIN PRIVATE KEY-----\nhunter2",
        "x AKIAHUNTER2HUNTER2HU y".replace("HUNTER2", "hunter2".upper()),
        "gh auth ghp_hunter2hunter2hunter2",
        "curl eyJhunter2aaaaa.eyJhunter2aaaaa.hunter2",
    ],
)
def test_secrets_are_hidden(text: str) -> None:
    assert SECRET not in redact(text).lower()
    assert "***" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "ls -l /etc/passwd",
        "PWD=/home/alice OLDPWD=/ env",
        "mysql -p shop",
        "mkdir -p /srv/x",
        "psql -p 5432 shop",
        "deploy --password-file /run/secret.txt",
        "curl https://example.com:8080/x",
        "ssh -p 22 alice@web1",
        "DROP TABLE orders",
        "UPDATE t SET a = 'b'",
        "systemctl restart search.service",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text
    assert redact_arguments(text.split()) == text.split()


def test_arguments_are_hidden_whole() -> None:
    assert redact_arguments(["mysql", "-pmy secret", "shop"]) == ["mysql", "-p***", "shop"]
    assert redact_arguments(["x", "--password", "my secret", "y"]) == ["x", "--password", "***", "y"]
    assert redact_arguments(["x", "--password=my secret's", "y"]) == ["x", "--password=***", "y"]
    assert redact_arguments(["x", "--password", "--other"]) == ["x", "--password", "--other"]
    assert redact_arguments(["env", "TOKEN=a b", "sh", "-c", "curl -u a:b x"]) == ["env", "TOKEN=***", "sh", "-c", "curl -u a:*** x"]
    assert redact_arguments([]) == []


@given(st.lists(st.text(max_size=20), max_size=8))
def test_arguments_keep_their_number(words: list[str]) -> None:
    assert len(redact_arguments(words)) == len(words)


PIECES = [
    "password",
    "=",
    "'",
    '"',
    "\\",
    "://",
    ":",
    "@",
    "eyJ",
    ".",
    "-",
    "authorization:",
    " ",
    "-----BEGIN PRIVATE KEY-----",
    "by",
    "(",
    "a",
    "mysql",
    "_pwd",
]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4), st.sampled_from([400, 20000]))
def test_it_never_takes_long(pieces: list[str], times: int) -> None:
    start = time.process_time()
    redact("".join(pieces) * times)
    assert time.process_time() - start < 2
