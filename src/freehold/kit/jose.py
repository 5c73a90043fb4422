"""Signed tokens, strictly: compact JWS by a known key, one algorithm per key, claims of the right type (RFC 7515, 7519, 8725).

The only module that touches joserfc. Who may issue and what the claims mean is left to `domains/oauth`."""

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc import jwa, jwk
from joserfc.errors import JoseError

from freehold.kit.json import NotStrict, encode, strict

MAX_TOKEN_BYTES: Final = 8192
MAX_KEYS: Final = 64
MAX_KID: Final = 256
END_OF_TIME: Final = 253_402_300_799.0
"""The last second of the year 9999; no claim names a later moment."""

LEEWAY: Final = 30.0
"""Seconds by which clocks may differ."""

ALGORITHMS: Final = frozenset({"ES256", "EdDSA", "Ed25519", "RS256"})
_MODELS: Final[dict[str, jwa.JWSAlgModel]] = {model.name: model for model in jwa.JWS_ALGORITHMS if model.name in ALGORITHMS}
_SEGMENTS: Final = 3
_OWN: Final = "own"
_RSA_BITS: Final = range(2048, 8193)
_RSA_EXPONENT: Final = 65537
_ROCA_PRIMES: Final = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)
_POINTERS: Final = frozenset({"crit", "b64", "zip", "jwk", "jku", "x5u", "x5c"})
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MEMBERS: Final = {"EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "RSA": ("n", "e")}
_LOADING: Final = (JoseError, UnsupportedAlgorithm, ValueError, TypeError, KeyError, OverflowError)

Claims = dict[str, object]


class InvalidToken(Exception):
    """The token is not acceptable. `why` is one word for tests and metrics; a caller never sees it."""

    def __init__(self, why: str) -> None:
        """Name the check that failed."""
        super().__init__(why)
        self.why = why


class InvalidKey(Exception):
    """The key is too weak, of a kind we do not use, made for something else, or not a key."""


@dataclass(frozen=True, slots=True, eq=False)
class PublicKey:
    """A key tokens are verified with, bound to one algorithm."""

    kid: str
    algorithm: str
    document: Mapping[str, str]
    """The public JWK as it may be published."""
    key: jwk.Key = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class PrivateKey:
    """A key tokens are signed with."""

    public: PublicKey
    key: jwk.Key = field(repr=False)

    def export(self) -> bytes:
        """The private JWK, to be sealed at once."""
        return encode(self.key.as_dict(private=True) | {"kid": self.public.kid, "alg": self.public.algorithm, "use": "sig"})


@dataclass(frozen=True, slots=True, eq=False)
class Compact:
    """A token taken apart and well formed, but NOT authenticated until `authenticate` has returned."""

    header: Claims
    payload: bytes
    signed: bytes
    signature: bytes

    def authenticate(self, keys: Mapping[str, PublicKey]) -> bytes:
        """The payload, once the key named by `kid` has signed it with that key's algorithm; else `InvalidToken`."""
        kid, algorithm = self.header.get("kid"), self.header.get("alg")
        if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID:
            raise InvalidToken("kid")
        key = keys.get(kid)
        if key is None:
            raise InvalidToken("unknown_kid")
        if algorithm != key.algorithm:
            raise InvalidToken("algorithm")
        _check_signature(self, key)
        return self.payload

    def claims(self) -> Claims:
        """The payload as a JSON object without duplicate names, or `InvalidToken`."""
        return _object(self.payload)


def parse(token: str, *, proving: bool = False) -> Compact:
    """Take a compact JWS apart: at most 8 kB, three canonical base64url segments, a plain header. Raises `InvalidToken`.

    A token that is `proving` brings the key it is signed with in its header; it shows who holds that key and nothing else.
    """
    segments = token.split(".") if len(token) <= MAX_TOKEN_BYTES else []
    if len(segments) != _SEGMENTS:
        raise InvalidToken("shape")
    header, payload, signature = (_decoded(segment) for segment in segments)
    signed = token[: token.rindex(".")].encode("ascii")
    compact = Compact(_object(header), payload, signed, signature)
    if not (_POINTERS - {"jwk"} if proving else _POINTERS).isdisjoint(compact.header):
        raise InvalidToken("header")
    return compact


def verify(token: str | Compact, keys: Mapping[str, PublicKey], *, typ: str, now: float, leeway: float = LEEWAY) -> Claims:
    """The claims of a token one of `keys` has signed, of exactly this `typ` and valid at `now` (Unix seconds), or `InvalidToken`.

    `exp` is required; `nbf` and `iat` are checked when they are there. Issuer, audience and the rest are the caller's to check.
    """
    compact = parse(token) if isinstance(token, str) else token
    compact.authenticate(keys)
    if compact.header.get("typ") != typ:
        raise InvalidToken("typ")
    claims = compact.claims()
    check_times(claims, now, leeway)
    return claims


def proved(token: str, *, typ: str) -> tuple[Claims, str]:
    """The claims of a token signed with the key in its own header, and that key's thumbprint (RFC 7638).

    Raises `InvalidToken` or `InvalidKey`. Nothing of it may be believed but that whoever made it holds the key.
    """
    compact = parse(token, proving=True)
    document = compact.header.get("jwk")
    if not isinstance(document, dict) or compact.header.get("typ") != typ:
        raise InvalidToken("header")
    key = public_key({**cast("dict[str, object]", document), "kid": _OWN})
    if compact.header.get("alg") != key.algorithm:
        raise InvalidToken("algorithm")
    _check_signature(compact, key)
    return compact.claims(), key.key.thumbprint()


def sign(claims: Mapping[str, object], key: PrivateKey, typ: str) -> str:
    """A compact JWS over `claims`."""
    algorithm = key.public.algorithm
    header = {"alg": algorithm, "kid": key.public.kid, "typ": typ}
    signed = _encoded(encode(header)) + b"." + _encoded(encode(claims))
    return (signed + b"." + _encoded(_MODELS[algorithm].sign(signed, key.key))).decode("ascii")


def new_private_key() -> PrivateKey:
    """A fresh ES256 key; its `kid` is its thumbprint (RFC 7638)."""
    key = jwk.ECKey.generate_key("P-256")
    return private_key(key.as_dict(private=True) | {"kid": key.thumbprint()})


def private_key(document: Mapping[str, object]) -> PrivateKey:
    """The key of a private JWK, or `InvalidKey`."""
    public = public_key({name: value for name, value in document.items() if name not in _PRIVATE})
    secret = document.get("d")
    if not isinstance(secret, str):
        raise InvalidKey("not a private key")
    return PrivateKey(public, _imported(_members(public.document) | {"d": secret}))


def public_key(document: Mapping[str, object], allowed: Collection[str] = ALGORITHMS) -> PublicKey:
    """The key of a public JWK, or `InvalidKey`: named, strong, for signatures, of an allowed algorithm, without private parts."""
    kid = document.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID:
        raise InvalidKey("a key needs a kid of 1 to 256 characters")
    if not _PRIVATE.isdisjoint(document):
        raise InvalidKey("private or symmetric key material has no place among public keys")
    if document.get("use", "sig") != "sig" or "verify" not in _operations(document):
        raise InvalidKey("the key is not for signatures")
    members = _members(document)
    algorithm = _algorithm(document, allowed)
    return PublicKey(kid, algorithm, members | {"kid": kid, "alg": algorithm, "use": "sig"}, _fitting(_imported(members), algorithm))


def key_set(document: bytes, allowed: Collection[str] = ALGORITHMS) -> dict[str, PublicKey]:
    """The usable keys of a JWKS document by kid (RFC 7517 section 5); unusable ones and ambiguous kids are left out.

    Raises `InvalidKey` when the document as a whole is not a key set.
    """
    try:
        listed = _object(document).get("keys")
    except InvalidToken as broken:
        raise InvalidKey("not a JSON object") from broken
    if not isinstance(listed, list) or len(cast("list[object]", listed)) > MAX_KEYS:
        raise InvalidKey(f"a key set lists at most {MAX_KEYS} keys")
    usable = [key for entry in cast("list[object]", listed) if (key := _usable(entry, allowed))]
    kids = [key.kid for key in usable]
    return {key.kid: key for key in usable if kids.count(key.kid) == 1}


def _usable(entry: object, allowed: Collection[str]) -> PublicKey | None:
    if not isinstance(entry, dict):
        return None
    try:
        return public_key(cast("dict[str, object]", entry), allowed)
    except InvalidKey:
        return None


def _operations(document: Mapping[str, object]) -> Collection[object]:
    operations = document.get("key_ops", ("verify", "sign"))
    return cast("Collection[object]", operations) if isinstance(operations, list | tuple) else ()


def _members(document: Mapping[str, object]) -> dict[str, str]:
    kind = document.get("kty")
    names = _MEMBERS.get(kind) if isinstance(kind, str) else None
    if names is None:
        raise InvalidKey("the key is neither EC, OKP nor RSA")
    members = {name: value for name in ("kty", *names) if isinstance(value := document.get(name), str)}
    if len(members) != len(names) + 1:
        raise InvalidKey("the key is incomplete")
    return members


def _algorithm(document: Mapping[str, object], allowed: Collection[str]) -> str:
    natural = {"EC": "ES256", "OKP": "EdDSA", "RSA": "RS256"}[cast("str", document["kty"])]
    algorithm = document.get("alg", natural)
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS or algorithm not in allowed:
        raise InvalidKey("the key's algorithm is not allowed")
    return algorithm


def _imported(members: Mapping[str, str]) -> jwk.Key:
    try:
        if members["kty"] == "RSA":
            _check_rsa(*(int.from_bytes(_decoded(members[name]), "big") for name in ("n", "e")))
        return jwk.import_key(dict(members))
    except (*_LOADING, InvalidToken) as error:
        raise InvalidKey("not a valid key") from error


def _check_rsa(modulus: int, exponent: int) -> None:
    if modulus.bit_length() not in _RSA_BITS or exponent != _RSA_EXPONENT:
        raise InvalidKey("an RSA key has 2048 to 8192 bits and the exponent 65537")
    if all(modulus % prime in {pow(exponent, power, prime) for power in range(prime)} for prime in _ROCA_PRIMES):
        raise InvalidKey("the key comes from a generator known to be broken (CVE-2017-15361)")


def _fitting(key: jwk.Key, algorithm: str) -> jwk.Key:
    try:
        _MODELS[algorithm].check_key(key)
    except _LOADING as error:
        raise InvalidKey("the key does not fit its algorithm") from error
    if isinstance(key, jwk.OKPKey) and key.curve_name != "Ed25519":
        raise InvalidKey("the curve is not one we use")
    return key


def _check_signature(compact: Compact, key: PublicKey) -> None:
    try:
        good = _MODELS[key.algorithm].verify(compact.signed, compact.signature, key.key)
    except _LOADING as error:
        raise InvalidToken("signature") from error
    if not good:
        raise InvalidToken("signature")


def check_times(claims: Claims, now: float, leeway: float = LEEWAY) -> None:
    """Return when `exp` is there and ahead and `nbf` and `iat`, where they are, lie behind; else raise `InvalidToken`."""
    expires, begins, issued = (_moment(claims, name) for name in ("exp", "nbf", "iat"))
    if expires is None:
        raise InvalidToken("exp")
    if now >= expires + leeway:
        raise InvalidToken("expired")
    if max(begins or 0.0, issued or 0.0) > now + leeway:
        raise InvalidToken("early")


def _moment(claims: Claims, name: str) -> float | None:
    if name not in claims:
        return None
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < END_OF_TIME:
        raise InvalidToken(name)
    return float(value)


def _object(data: bytes) -> Claims:
    try:
        value: object = strict(data)
    except NotStrict as error:
        raise InvalidToken("json") from error
    if not isinstance(value, dict):
        raise InvalidToken("json")
    return cast("Claims", value)


def _decoded(segment: str) -> bytes:
    try:
        data = b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise InvalidToken("base64") from error
    if _encoded(data) != segment.encode("ascii"):
        raise InvalidToken("base64")
    return data


def _encoded(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")
