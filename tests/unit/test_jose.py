"""`kit.jose`: what a signed token must be, and the many things that only look like one."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwa, jwk

from freehold.kit import jose
from freehold.kit.jose import InvalidKey, InvalidToken

NOW = 1_800_000_000.0
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
KEY = jose.new_private_key()
KEYS = {KEY.public.kid: KEY.public}
CLAIMS: dict[str, Any] = {"sub": "user-1", "exp": NOW + 60, "iat": NOW}


def b64(data: bytes) -> str:
    """Unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def header(**changes: Any) -> dict[str, Any]:
    """A good header with changes; a value of None leaves the member out."""
    members = {"alg": "ES256", "kid": KEY.public.kid, "typ": "at+jwt"} | changes
    return {name: value for name, value in members.items() if value is not None}


def signed(payload: bytes | dict[str, Any], head: bytes | dict[str, Any] | None = None, key: jose.PrivateKey = KEY) -> str:
    """A token really signed by `key` over whatever header and payload are given."""
    parts = (header() if head is None else head, payload)
    content = ".".join(b64(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in parts)
    model = next(model for model in jwa.JWS_ALGORITHMS if model.name == key.public.algorithm)
    return f"{content}.{b64(model.sign(content.encode(), key.key))}"


def why(token: str, keys: dict[str, jose.PublicKey] = KEYS, *, now: float = NOW) -> str:
    """Which check refuses the token; empty when none does."""
    try:
        jose.verify(token, keys, typ="at+jwt", now=now)
    except InvalidToken as refused:
        return refused.why
    return ""


def test_a_signed_token_gives_back_its_claims() -> None:
    """What `sign` signs, `verify` reads, and the header carries nothing but alg, kid and typ."""
    token = jose.sign(CLAIMS, KEY, "at+jwt")
    assert jose.verify(token, KEYS, typ="at+jwt", now=NOW) == CLAIMS
    assert jose.parse(token).header == {"alg": "ES256", "kid": KEY.public.kid, "typ": "at+jwt"}


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "", None, "HS256", "RS256", "ES384", "EdDSA", 1, ["ES256"]])
def test_only_the_keys_own_algorithm_counts(algorithm: object) -> None:
    """A token naming any algorithm but its key's is refused, signed or not (JWT-01)."""
    token = signed(CLAIMS, header(alg=algorithm))
    assert why(token) == "algorithm"
    assert why(token.rpartition(".")[0] + ".") == "algorithm"


def test_a_public_key_is_never_a_shared_secret() -> None:
    """An HMAC made with any spelling of our public key opens nothing (JWT-02)."""
    public = KEY.public.key.public_key
    spellings = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).rstrip(b"\n"),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(dict(KEY.public.document)).encode(),
    ]
    content = f"{b64(json.dumps(header(alg='HS256')).encode())}.{b64(json.dumps(CLAIMS).encode())}"
    forged = [f"{content}.{b64(hmac.new(spelling, content.encode(), hashlib.sha256).digest())}" for spelling in spellings]
    assert {why(token) for token in forged} == {"algorithm"}
    with pytest.raises(InvalidKey):
        jose.public_key({"kty": "oct", "kid": "shared", "k": b64(b"k" * 32), "alg": "HS256"})


@pytest.mark.parametrize("pointer", ["jwk", "jku", "x5u", "x5c", "crit", "b64", "zip"])
def test_a_header_cannot_bring_its_own_key_or_rules(pointer: str) -> None:
    """Members that name keys or change the rules refuse the token even when it is signed by a known key (JWT-03, JWT-04, JWT-06)."""
    stranger = jose.new_private_key()
    value = {"jwk": dict(stranger.public.document), "jku": "https://evil.example/jwks", "b64": False, "crit": ["exp"]}.get(pointer, "x")
    assert why(signed(CLAIMS, header(**{pointer: value}))) == "header"
    assert why(signed(CLAIMS, header(kid=stranger.public.kid, jwk=dict(stranger.public.document)), stranger)) == "header"


@pytest.mark.parametrize(
    "kid", ["../../dev/null", "' OR 1=1 --", "\0", "unknown", "", None, 1, ["a"], "k" * 300, pytest.param("k" * 65_536, id="64kB")]
)
def test_a_kid_is_only_looked_up_among_the_given_keys(kid: object) -> None:
    """Absent, hostile, unknown and oversized key ids are refused (JWT-05)."""
    assert why(signed(CLAIMS, header(kid=kid))) in {"kid", "unknown_kid", "shape"}


def test_a_kid_listed_twice_names_no_key() -> None:
    """Two keys under one kid are ambiguous, so neither is used, and the others stay (JWT-05)."""
    other, third = jose.new_private_key(), jose.new_private_key()
    twice = [dict(KEY.public.document), dict(other.public.document) | {"kid": KEY.public.kid}, dict(third.public.document)]
    assert set(jose.key_set(json.dumps({"keys": twice}).encode())) == {third.public.kid}


def test_a_signature_has_exactly_one_form() -> None:
    """Zeroed, short, long, DER-coded and borrowed signatures are refused (JWT-07)."""
    content, _, signature = signed(CLAIMS).rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    zero_s, order_s = raw[:32] + bytes(32), raw[:32] + ORDER.to_bytes(32, "big")
    bad = [b"", bytes(64), bytes(63), raw[:-1], raw + b"\0", b"\0" + raw, der, raw[32:] + raw[:32], zero_s, order_s, b"\xff" * 64]
    assert {why(f"{content}.{b64(each)}") for each in bad} == {"signature"}


def test_base64_is_canonical() -> None:
    """Padding, the other alphabet, stray characters and unused bits that are set are refused (JWT-07)."""
    token = signed(b'{"exp":1800000060,"a":"x"}')
    first, second, third = token.split(".")
    assert len(second) % 4
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    malleated = third[:-1] + last[last.index(third[-1]) + 1]
    variants = [f"{first}.{second}=.{third}", f"{first}.{second}.{third}==", f"{first}.{second}.{malleated}", f" {token}", f"{token}\n"]
    variants += [f"{first}.{second}+.{third}", f"{first}.{second}\u00e9.{third}", f"{first}.{second}.{third[:4]}\n{third[4:]}"]
    assert {why(variant) for variant in variants} == {"base64"}
    assert why(token) == ""


def test_only_the_compact_form_of_three_segments_is_a_token() -> None:
    """Two, four and five segments (JWE), JSON serialisation and anything over 8 kB are refused before any cryptography (JWT-07, JWT-08)."""
    first, second, third = signed(CLAIMS).split(".")
    jwe = {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 10**9, "p2s": "c2FsdA", "kid": KEY.public.kid}
    as_json = json.dumps({"protected": first, "payload": second, "signature": third})
    shapes = [f"{first}.{second}", f"{first}.{second}.{third}.", f".{first}.{second}.{third}", as_json, "", "..."]
    shapes += [f"{b64(json.dumps(jwe).encode())}.a.b.c.d", signed(CLAIMS | {"filler": "x" * 9000})]
    assert {why(shape) for shape in shapes} <= {"shape", "base64", "json"}
    assert why(signed(CLAIMS, header(alg="PBES2-HS256+A128KW", p2c=10**9))) == "algorithm"


@pytest.mark.parametrize("exp", ['"1800000060"', "1e999", "-1", "true", "null", "[]", "{}", "NaN", "Infinity", "1e300", "9" * 400, "1e12"])
def test_an_expiry_is_a_sane_number(exp: str) -> None:
    """A string, boolean, infinite, negative or absurd `exp` is refused (JWT-09)."""
    assert why(signed(f'{{"exp":{exp}}}'.encode())) in {"exp", "json"}


def test_an_expiry_is_required() -> None:
    """Without `exp` there is no token (JWT-09)."""
    assert why(signed({"sub": "user-1"})) == "exp"


def test_clocks_may_differ_by_the_leeway_and_no_more() -> None:
    """A token counts until just before `exp` plus 30 seconds, and from 30 seconds before `nbf` and `iat` (JWT-09)."""
    assert why(signed({"exp": NOW}), now=NOW + 29.9) == ""
    assert why(signed({"exp": NOW}), now=NOW + 30) == "expired"
    for name in ("nbf", "iat"):
        assert why(signed({"exp": NOW + 600, name: NOW + 30})) == ""
        assert why(signed({"exp": NOW + 600, name: NOW + 30.1})) == "early"
        assert why(signed({"exp": NOW + 600, name: "soon"})) == name
    assert why(signed({"exp": NOW + 1.5})) == ""


def test_a_claim_is_said_once() -> None:
    """Duplicate names in header or payload are refused, not read as the last one (JWT-11)."""
    assert why(signed(b'{"exp":1800000060,"sub":"a","sub":"b"}')) == "json"
    head = f'{{"alg":"ES256","kid":"{KEY.public.kid}","typ":"x","typ":"at+jwt"}}'
    assert why(signed(CLAIMS, head.encode())) == "json"


def test_depth_is_a_refusal_not_a_crash() -> None:
    """Nesting as deep as 8 kB allow, in payload or header, is an invalid token (JWT-12)."""
    deep = b'{"exp":1800000060,"a":' + b"[" * 2000 + b"]" * 2000 + b"}"
    assert why(signed(deep)) == "json"
    assert why(signed(CLAIMS, b'{"a":' + b"[" * 2000 + b"]" * 2000 + b"}")) == "json"


@pytest.mark.parametrize("payload", [b"", b"[]", b'"a"', b"null", b"\xff", b"\xef\xbb\xbf{}", b"{} {}", b'{"exp":1800000060'])
def test_the_payload_is_one_json_object(payload: bytes) -> None:
    """Signed bytes that are not one object in UTF-8 are no claims."""
    assert why(signed(payload)) == "json"


@pytest.mark.parametrize("typ", [None, "JWT", "jwt", "logout+jwt", "AT+JWT", "at+jwt ", "application/at+jwt", 1])
def test_a_token_of_another_type_is_not_an_access_token(typ: object) -> None:
    """`typ` is compared exactly, so ID and logout tokens of the same key are refused (RS-06)."""
    assert why(signed(CLAIMS, header(typ=typ))) == "typ"


def test_weak_keys_are_not_keys() -> None:
    """Short RSA, odd exponents, the wrong curve or algorithm and the wrong use never load (JWT-13)."""
    small = {"kty": "RSA", "e": "AQAB", "n": b64(((1 << 1023) + 1).to_bytes(128, "big"))}
    good = jwk.RSAKey.generate_key(2048).as_dict(private=False)
    other_curve = jwk.ECKey.generate_key("P-384").as_dict(private=False)
    document = dict(KEY.public.document)
    bad: list[dict[str, object]] = [
        small | {"kid": "k"},
        good | {"kid": "k", "e": "Aw"},
        good | {"kid": "k", "n": good["n"] * 5},
        good | {"kid": "k", "alg": "PS256"},
        good | {"kid": "k", "alg": "ES256"},
        other_curve | {"kid": "k"},
        jwk.OKPKey.generate_key("X25519").as_dict(private=False) | {"kid": "k"},
        jwk.OKPKey.generate_key("Ed448").as_dict(private=False) | {"kid": "k"},
        *(document | change for change in ({"use": "enc"}, {"use": None}, {"key_ops": ["encrypt"]}, {"key_ops": "verify"}, {"kid": ""})),
        *(document | change for change in ({"kty": []}, {"kty": "oct"}, {"alg": "none"}, {"alg": ["ES256"]})),
        *(document | change for change in ({"x": document["y"]}, {"x": 1}, {"x": ""})),
        {name: value for name, value in document.items() if name != "kid"},
    ]
    for each in bad:
        with pytest.raises(InvalidKey):
            jose.public_key(each)
    assert jose.public_key(good | {"kid": "k"}).algorithm == "RS256"


def test_private_material_has_no_place_in_a_key_set() -> None:
    """A listed key that carries its private half is left out, the others are used (JWT-14)."""
    leaked = json.loads(jose.new_private_key().export())
    assert set(jose.key_set(json.dumps({"keys": [leaked, dict(KEY.public.document), 1, {}]}).encode())) == {KEY.public.kid}


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys":{}}', b'{"keys":[],"keys":[]}', b'{"keys":[' + b"{}," * 64 + b"{}]}"])
def test_a_broken_key_set_is_refused_as_a_whole(document: bytes) -> None:
    """What is not a key set of at most 64 keys raises, so that nobody mistakes it for an empty one (JWT-14)."""
    with pytest.raises(InvalidKey):
        jose.key_set(document)


def test_an_issuer_can_be_held_to_some_algorithms() -> None:
    """A key of an algorithm the operator did not allow is not loaded."""
    assert jose.key_set(json.dumps({"keys": [dict(KEY.public.document)]}).encode(), {"RS256"}) == {}


@pytest.mark.parametrize("algorithm", ["EdDSA", "Ed25519"])
def test_edwards_keys_verify_under_the_name_they_carry(algorithm: str) -> None:
    """EdDSA and Ed25519 tokens verify under the key's own name for it and not under the other."""
    document = jwk.OKPKey.generate_key("Ed25519").as_dict(private=True) | {"kid": "ed", "alg": algorithm}
    key = jose.private_key(document)
    keys = {"ed": key.public}
    assert why(jose.sign(CLAIMS, key, "at+jwt"), keys) == ""
    other = "Ed25519" if algorithm == "EdDSA" else "EdDSA"
    assert why(signed(CLAIMS, header(alg=other, kid="ed"), key), keys) == "algorithm"


def test_rsa_tokens_of_external_issuers_verify() -> None:
    """RS256 with 2048 bits is accepted, and another RSA key's signature is not."""
    keys = [jose.private_key(_rsa_private() | {"kid": "rsa"}) for _ in range(2)]
    assert why(jose.sign(CLAIMS, keys[0], "at+jwt"), {"rsa": keys[0].public}) == ""
    assert why(jose.sign(CLAIMS, keys[1], "at+jwt"), {"rsa": keys[0].public}) == "signature"


def test_a_private_key_survives_its_export_and_shows_nothing() -> None:
    """An exported key signs for the same public key, and neither `repr` nor the public document holds the secret."""
    again = jose.private_key(json.loads(KEY.export()))
    assert why(jose.sign(CLAIMS, again, "at+jwt")) == ""
    secret = json.loads(KEY.export())["d"]
    assert secret not in repr(KEY)
    assert secret not in json.dumps(dict(KEY.public.document))
    with pytest.raises(InvalidKey):
        jose.private_key(dict(KEY.public.document))


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_any_changed_byte_is_noticed(place: int, change: int) -> None:
    """A token with one character of any segment changed is refused."""
    token = jose.sign(CLAIMS, KEY, "at+jwt")
    at = place % len(token)
    changed = token[:at] + chr((ord(token[at]) + change) % 256) + token[at + 1 :]
    assert why(changed) != ""


@given(st.text(max_size=200) | st.from_regex(r"[\w-]{0,40}(\.[\w-]{0,40}){2}", fullmatch=True))
def test_nothing_but_a_refusal_comes_of_any_text(text: str) -> None:
    """Any text is an invalid token, never another exception."""
    assert why(text) != ""


def _rsa_private() -> dict[str, Any]:
    return dict(jwk.RSAKey.generate_key(2048).as_dict(private=True))
