"""Vectors through our own verifier: not one is wrongly taken, and what is wrongly refused is of a kind listed with its reason (JWT-15)."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from freehold.domains.oauth.tokens import AccessTokens, Trust
from freehold.kit import jose
from freehold.kit.jose import InvalidKey, InvalidToken, PublicKey
from tests.clocks import HandClock
from tests.vectors import Vector, b64, encrypted, own, published

pytestmark = pytest.mark.anyio

ISSUER, RESOURCE = "https://login.example.org", "https://mcp.example.com/mcp"
CLOCK = HandClock()
CLAIMS = {
    "iss": ISSUER,
    "aud": RESOURCE,
    "sub": "user-1",
    "tenant_id": "acme",
    "client_id": "claude",
    "scope": "mcp:read",
    "jti": "1",
    "iat": int(CLOCK.now()),
    "exp": int(CLOCK.now()) + 600,
}
REFUSED_THOUGH_VALID = {
    "HS256": "a shared secret: whoever verifies could sign",
    "HS384": "a shared secret: whoever verifies could sign",
    "HS512": "a shared secret: whoever verifies could sign",
    "RS384": "not one of our algorithms: one size of each is enough, and each is one more thing to get wrong",
    "RS512": "not one of our algorithms: one size of each is enough, and each is one more thing to get wrong",
    "PS256": "not one of our algorithms: no issuer we know of signs access tokens with it by default",
    "PS384": "not one of our algorithms: no issuer we know of signs access tokens with it by default",
    "PS512": "not one of our algorithms: no issuer we know of signs access tokens with it by default",
    "ES521": "no algorithm of RFC 7518, which calls it ES512; and not one of ours",
}
"""Why a valid signature by a key of this `alg` is refused all the same."""


def taken(vector: Vector) -> bool:
    """What kit/jose says of it."""
    try:
        jose.parse(vector.token).authenticate(jose.key_set(json.dumps(vector.keys).encode()))
    except (InvalidToken, InvalidKey):
        return False
    return True


def algorithms(vector: Vector) -> set[str]:
    """What the vector's keys say they are for."""
    return {str(key.get("alg")) for key in vector.keys["keys"]}


def test_no_vector_is_wrongly_taken() -> None:
    """Of the published vectors and of our own, none that is invalid is taken; valid ones of our algorithms all are (JWT-15)."""
    vectors = [*published(), *own(CLAIMS)]
    judged = {vector.name: taken(vector) for vector in vectors}
    assert [vector.name for vector in vectors if judged[vector.name] and not vector.good] == []
    refused = [vector for vector in vectors if vector.good and not judged[vector.name]]
    assert [vector.name for vector in refused if not algorithms(vector) <= REFUSED_THOUGH_VALID.keys()] == []


def test_there_are_vectors_of_every_class() -> None:
    """The published set is read whole where it is there; our own has every class of it on every machine, so that nothing passes unseen."""
    mine = list(own(CLAIMS))
    assert len({vector.name for vector in mine}) == len(mine) > 200
    assert Counter(vector.good for vector in mine)[True] == 3
    read = published()
    if read:  # each number as the files state it, so that a file cut short is noticed
        found = Counter(vector.name.rpartition("-")[0] for vector in read)
        assert (found["json_web_signature_test"], found["json_web_key_test"]) == (401, 26)
        valid = Counter(algorithm for vector in read if vector.good for algorithm in algorithms(vector))
        assert valid["RS256"] >= 9
        assert valid["ES256"] >= 2
        assert REFUSED_THOUGH_VALID.keys() <= valid.keys()


def test_no_encrypted_token_is_a_signed_one() -> None:
    """Every published encrypted token, and one of five segments made here, is refused before its header is believed (JWT-08, JWT-15)."""
    head = b64(json.dumps({"alg": "dir", "enc": "A128GCM", "zip": "DEF", "kid": "ES256"}).encode())
    for token in [*encrypted(), f"{head}..{b64(b'i' * 12)}.{b64(b'c' * 16)}.{b64(b't' * 16)}"]:
        with pytest.raises(InvalidToken):
            jose.parse(token)


@pytest.mark.parametrize("vector", [pytest.param(one, id=one.name) for one in own(CLAIMS)])
async def test_a_forged_token_grants_nothing(vector: Vector) -> None:
    """The whole way from text to grant: the good token of each algorithm grants its claims, no other does (JWT-15)."""

    async def keys(_kid: str) -> Mapping[str, PublicKey]:
        return jose.key_set(json.dumps(vector.keys).encode())

    trust = Trust(issuer=ISSUER, keys=keys, typ="at+jwt", claims={}, shared_audience=False)
    tokens = AccessTokens([trust], resource=RESOURCE, clock=CLOCK)
    if vector.good:
        assert (await tokens.read(vector.token)).subject == "user-1"
        return
    with pytest.raises(InvalidToken):
        await tokens.read(vector.token)


def test_the_vectors_bite(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verifier that looks at no signature would be caught: most of the vectors fail on the signature alone."""
    bad = [vector for vector in own(CLAIMS) if not vector.good]

    def nothing(*_given: Any) -> None:
        return

    monkeypatch.setattr(jose, "_check_signature", nothing)
    assert sum(taken(vector) for vector in bad) >= 30
