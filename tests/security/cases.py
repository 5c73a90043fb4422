"""Cases a hostile caller would try, by id: which are implemented, which do not apply and why, which are open and what is missing.

The tests name the ids in their docstrings; `tests/house/security.py` holds the two to each other and makes docs/security-cases.md."""

from dataclasses import dataclass
from typing import Final, Literal

State = Literal["implemented", "not applicable", "open"]


@dataclass(frozen=True)
class Case:
    """One case. An implemented one has tests that carry its id; any other says why it has none."""

    id: str
    text: str
    """What is tried and what has to come of it, in one sentence."""
    state: State = "implemented"
    why: str = ""
    """For an implemented case, what is left out of it; for any other, the reason."""


RESOURCE_SERVER: Final = (
    Case("RS-01", "No credential, or one of another scheme, is 401 with a bare challenge that names the metadata and no error."),
    Case(
        "RS-02",
        "Malformed, expired, unknown, revoked and foreign credentials are 401 `invalid_token` with one body and one set of headers.",
        why="Equal time is not claimed: what is not well-formed is refused without asking the database, which whoever presents it knows.",
    ),
    Case(
        "RS-03",
        "A credential of one door opens no other: agents' tokens, the administrative API's, the metrics'.",
        why="There is one resource per server, so there is no token of another tenant's endpoint.",
    ),
    Case("RS-04", "Only the canonical resource is our audience: no prefix, other case, port or encoding, and for our own no second one."),
    Case("RS-05", "A token in the address, a form, a cookie, beside another credential, twice or after two spaces is refused."),
    Case("RS-06", "Codes, refresh tokens, secrets, key ids, service tokens and tokens of another `typ` are no access tokens."),
    Case("RS-07", "An agent's token does nothing at the administrative API, and a cookie does nothing at the MCP endpoint."),
    Case("RS-08", "A database or issuer that does not answer is 503, never anonymous and never somebody."),
    Case("RS-09", "Revoked tokens and keys and suspended tenants stop on every replica within five seconds, open streams too."),
    Case("RS-10", "Too few scopes is 403 `insufficient_scope` with all scopes of the operation; tools one may not call are not listed."),
    Case("RS-11", "No Host, absolute request target or other spelling of a path leads past the credential."),
)

TOKENS: Final = (
    Case("JWT-01", "`alg` none in any spelling, missing or of another key is refused."),
    Case("JWT-02", "An HMAC made with our public key in any form is refused."),
    Case("JWT-03", "A key in the header is not used."),
    Case("JWT-04", "`jku`, `x5u` and `x5c` are refused, and nobody is asked for what they point to."),
    Case("JWT-05", "A hostile, oversized, unknown, absent or doubled `kid` names no key."),
    Case("JWT-06", "`crit`, `b64` and `zip` are refused."),
    Case("JWT-07", "Zero, short, long, DER-coded and respelled signatures, JSON serialisations and other numbers of segments are refused."),
    Case("JWT-08", "Encrypted tokens, costly key derivations and compressed payloads are refused before any work is done for them."),
    Case("JWT-09", "`exp` is there, a number, and in range; `nbf` and `iat` hold with thirty seconds to either side."),
    Case("JWT-10", "A key of one issuer signs for that issuer only, and `iss` is compared byte for byte."),
    Case("JWT-11", "A claim or header named twice is refused."),
    Case("JWT-12", "Nesting as deep as a token can be is refused like anything else."),
    Case("JWT-13", "Short, odd, misfitting and misused keys are no keys."),
    Case("JWT-14", "A new key is learned, a flood of unknown ones is one fetch an interval, and broken key sets are not used."),
    Case("JWT-15", "Published vectors: none wrongly taken, and what is refused though valid is of a kind listed with its reason."),
)

API_KEYS: Final = (
    Case("KEY-01", "A key has 192 random bits, a prefix and a checksum."),
    Case("KEY-02", "Only a digest of it is kept."),
    Case("KEY-03", "It is shown once: not in a listing, the book, the database or a log."),
    Case(
        "KEY-04",
        "It is found by its public id and compared in constant time.",
        why="Times of two thousand lookups are not compared: on a shared machine the noise is larger than any difference.",
    ),
    Case("KEY-05", "A wrong checksum is refused without asking the database."),
    Case("KEY-06", "A revoked or expired key stops on every replica, and that it is refused is remembered for seconds only."),
    Case("KEY-07", "Scopes, tools, expiry, networks and rate of a key hold."),
    Case("KEY-08", "A key counts as bearer or as X-API-Key, as both when equal, and nowhere else."),
    Case(
        "KEY-09",
        "A test key on a live server is refused.",
        "not applicable",
        "A test key is marked, in its prefix and in the book, for the customer's sake; it has the rights it was given, on the same server.",
    ),
    Case("KEY-10", "A rotated key works beside its successor for as long as was said."),
    Case(
        "KEY-11",
        "Guessing keys is slowed down and noticed.",
        "open",
        "Refusals are counted in the metrics, where an alarm can be set; they are not limited per source.",
    ),
    Case("KEY-12", "Truncated, extended, respelled and decorated keys are refused."),
)

CASES: Final = (*RESOURCE_SERVER, *TOKENS, *API_KEYS)
