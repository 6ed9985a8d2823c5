"""Values of the data model, as hypothesis makes them up."""

from __future__ import annotations

import base64
import struct

from ansible_collections.safetynet.prod_access.plugins.module_utils._access import Access, HostGrant, HostPerson
from ansible_collections.safetynet.prod_access.plugins.module_utils._model import HOMES, STATES, Person
from ansible_collections.safetynet.prod_access.plugins.module_utils._moment import Moment
from ansible_collections.safetynet.prod_access.plugins.module_utils._ssh_key import SshKey
from ansible_collections.safetynet.prod_access.plugins.module_utils._sudo_rule import SudoRule
from hypothesis import strategies as st

LOGINS = st.from_regex(r"[a-z_][a-z0-9_.-]{0,30}[a-z0-9_-]", fullmatch=True)
# Whatever people write on one line.
WORDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=8)
TEXTS = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
MOMENTS = st.integers(1, Moment.parse("9999-12-30").epoch).map(Moment)
ADDRESSES = st.ip_addresses().map(str) | st.integers(0, 2**24 - 1).map(lambda number: f"10.{number >> 16}.{number >> 8 & 255}.0/24")


def blob(*fields: bytes) -> str:
    """A public key: strings with their lengths before them (RFC 4251, section 5)."""
    return base64.b64encode(b"".join(struct.pack(">I", len(field)) + field for field in fields)).decode()


def ed25519(secret: bytes = b"", comment: str = "") -> SshKey:
    """A key of a type that takes any 32 bytes."""
    return SshKey("ssh-ed25519", blob(b"ssh-ed25519", secret.ljust(32, b".")), comment)


def rsa(bits: int, exponent: int = 65537) -> SshKey:
    """A key of this length; what it is made of does not matter to anybody who does not use it."""
    modulus = 2**bits - 1
    return SshKey(
        "ssh-rsa",
        blob(b"ssh-rsa", *(number.to_bytes(number.bit_length() // 8 + 1, "big") for number in (exponent, modulus))),
    )


KEYS = st.builds(
    SshKey,
    st.just("ssh-ed25519"),
    st.binary(min_size=32, max_size=32).map(lambda secret: blob(b"ssh-ed25519", secret)),
    st.just("") | TEXTS,
    st.none() | MOMENTS,
    st.lists(ADDRESSES, max_size=3).map(tuple),
)

_PATHS = st.from_regex(r"(/[a-z0-9_+-][a-z0-9_.+-]{0,8}){1,3}", fullmatch=True)
_WORDS = st.from_regex(r"[A-Za-z0-9_./:=@%+,#\\\"'()|&;-]{1,8}", fullmatch=True).filter(lambda word: word != '""')
_PIECES = st.sampled_from(
    ["a", "-", "/", ",", ":", "=", "!", "\\.", "\\\\", "\\#", "\\$", "[0-9]", "[a,:=b]", "[]a]", "(a|b)", "x{1,2}", "[[:digit:]]+"]
)
_PATTERNS = st.lists(_PIECES, min_size=1, max_size=5).map(lambda pieces: [f"^{''.join(pieces)}$"])
_COMMANDS = st.tuples(_PATHS, st.lists(_WORDS, max_size=3) | _PATTERNS).map(lambda parts: " ".join((parts[0], *parts[1])))
_UNITS = st.from_regex(r"[a-z0-9](\\x2d|[a-z0-9:_-]){0,6}(@[a-z0-9]{1,8})?\.(service|socket|timer)", fullmatch=True)


def _few(values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(values, min_size=1, max_size=3, unique=True).map(tuple)


_USERS = _few(st.sampled_from(["search", "postgres", "www-data", "app_1"]))
_WHY = st.none() | TEXTS
RULES = (
    st.builds(SudoRule, services=_few(_UNITS), password=st.booleans(), unsafe=_WHY)
    | st.builds(SudoRule, commands=_few(_COMMANDS), run_as=_USERS | st.just(("root",)), password=st.booleans(), unsafe=_WHY)
    | st.builds(SudoRule, everything=st.just(True), run_as=_USERS, password=st.booleans(), unsafe=_WHY)
    | st.builds(SudoRule, edit=_few(_PATHS), run_as=_USERS | st.just(("root",)), password=st.booleans(), unsafe=_WHY)
)
GRANTS = st.builds(
    HostGrant,
    source=TEXTS,
    why=TEXTS,
    team=st.none() | LOGINS,
    sudo=st.sampled_from(["none", "full"]) | st.lists(RULES, min_size=1, max_size=2).map(tuple),
    groups=st.just(()) | _few(LOGINS),
    until=st.none() | MOMENTS,
    unsafe=_WHY,
)
# An e-mail address does not travel to hosts.
PEOPLE = st.builds(
    Person,
    login=LOGINS,
    name=TEXTS,
    uid=st.none() | st.integers(1000, 60000),
    shell=st.none() | _PATHS,
    keys=st.lists(KEYS, max_size=2).map(tuple),
    until=st.none() | MOMENTS,
    state=st.sampled_from(STATES),
    home=st.sampled_from(HOMES),
    adopt=st.booleans(),
)
HOST_PEOPLE = st.builds(HostPerson, PEOPLE, st.lists(GRANTS, max_size=2).map(tuple))
ACCESSES = st.builds(
    Access,
    people=st.lists(HOST_PEOPLE, max_size=2).map(lambda people: {person.person.login: person for person in people}),
    teams=st.dictionaries(LOGINS, st.none() | st.integers(1000, 60000), max_size=2),
    reserved=st.dictionaries(st.integers(1000, 60000), LOGINS, max_size=2),
)

# Whatever YAML can hold, as a library reads it.
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.dates()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.binary(max_size=4)
)
JUNK = st.recursive(
    SCALARS,
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers() | st.booleans() | st.none(), below, max_size=3)
    ),
    max_leaves=8,
)
