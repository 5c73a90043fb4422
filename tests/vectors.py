"""Signed tokens and keys, good and forged, with what must be said of each: published vectors where they lie beside the project, and ours.

Ours are of the same classes, made anew at every run, so that no machine runs without any."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwa, jwk

from freehold.kit import jose

FILES = ("json_web_signature_test", "json_web_key_test", "json_web_crypto_test")
CURVE_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""ASN.1 of "a SHA-256 digest follows" (RFC 8017 section 9.2)."""


@dataclass(frozen=True)
class Vector:
    """A token, the keys it is shown to, and whether it must be taken."""

    name: str
    token: str
    keys: Mapping[str, Any]
    """A JWKS document."""
    good: bool


def published() -> list[Vector]:
    """The JWS vectors of Wycheproof in `shared/corpora/wycheproof` beside the project; none when that folder is not there."""
    return [vector for folder in _folders() for name in FILES for vector in _read(folder / f"{name}.json")]


def encrypted() -> list[str]:
    """The JWE vectors, compact or as JSON; whatever is said of them, none is a signed token."""
    groups = [group for folder in _folders() for group in json.loads((folder / "json_web_encryption_test.json").read_text())["testGroups"]]
    found = [test["jwe"] for group in groups for test in group["tests"] if "jwe" in test]
    return [one if isinstance(one, str) else json.dumps(one) for one in found]


def _folders() -> Iterator[Path]:
    found = (above / "shared" / "corpora" / "wycheproof" for above in Path(__file__).parents)
    yield from [folder for folder in found if folder.is_dir()][:1]


def _read(path: Path) -> Iterator[Vector]:
    for group in json.loads(path.read_text())["testGroups"]:
        key = group.get("public") or group["private"]
        for test in group["tests"]:
            if "jws" in test:
                token = test["jws"] if isinstance(test["jws"], str) else json.dumps(test["jws"])
                keys = key if "keys" in key else {"keys": [key]}
                yield Vector(f"{path.stem}-{test['tcId']}", token, keys, test["result"] == "valid")


def b64(data: bytes) -> str:
    """Unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@cache
def keys() -> dict[str, jose.PrivateKey]:
    """One key of every kind we verify with, by algorithm; kids are the algorithms' names."""
    rsa = jwk.RSAKey.generate_key(2048).as_dict(private=True) | {"kid": "RS256"}
    edwards = jwk.OKPKey.generate_key("Ed25519").as_dict(private=True) | {"kid": "EdDSA"}
    elliptic = jwk.ECKey.generate_key("P-256").as_dict(private=True) | {"kid": "ES256"}
    return {"RS256": jose.private_key(rsa), "EdDSA": jose.private_key(edwards), "ES256": jose.private_key(elliptic)}


def own(claims: Mapping[str, Any]) -> Iterator[Vector]:
    """Vectors of the published classes over `claims`, under typ `at+jwt`."""
    document = {"keys": [dict(key.public.document) for key in keys().values()]}
    payload = b64(json.dumps(claims).encode())
    for algorithm, key in keys().items():
        signed = f"{b64(json.dumps({'alg': algorithm, 'kid': algorithm, 'typ': 'at+jwt'}).encode())}.{payload}"
        raw = _signature(signed, key)
        yield Vector(f"{algorithm}-good", f"{signed}.{b64(raw)}", document, good=True)
        for name, token in _respelled(signed, raw):
            yield Vector(f"{algorithm}-{name}", token, document, good=False)
        for name, forged in _signatures(algorithm, signed, raw).items():
            yield Vector(f"{algorithm}-{name}", f"{signed}.{b64(forged)}", document, good=False)
        for name, token in _other_algorithms(algorithm, payload, key, raw):
            yield Vector(f"{algorithm}-{name}", token, document, good=False)
        yield from _key_sets(algorithm, f"{signed}.{b64(raw)}", document)


def _signature(signed: str, key: jose.PrivateKey) -> bytes:
    return next(model for model in jwa.JWS_ALGORITHMS if model.name == key.public.algorithm).sign(signed.encode(), key.key)


def reheaded(token: str, key: jose.PrivateKey, head: Mapping[str, Any]) -> str:
    """The token with more in its header, signed anew."""
    first, second, _ = token.split(".")
    members = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4))) | head
    signed = f"{b64(json.dumps(members).encode())}.{second}"
    return f"{signed}.{b64(_signature(signed, key))}"


def _respelled(signed: str, raw: bytes) -> Iterator[tuple[str, str]]:
    """ModifiedPadding, JsonSerialization: the same bytes in another form."""
    first, second = signed.split(".")
    last = b64(raw)
    yield "padded", f"{signed}.{last}{'=' * (-len(last) % 4)}"
    yield "padded-twice", f"{signed}.{last}===="
    yield "spaced", f"{first}. {second}.{last}"
    yield "broken-line", f"{signed}.{last[:9]}\n{last[9:]}"
    yield "other-alphabet", f"{signed}.{last[:-1]}/"
    yield "json", json.dumps({"protected": first, "payload": second, "signature": last})
    yield "json-general", json.dumps({"payload": second, "signatures": [{"protected": first, "signature": last}]})
    yield "detached", f"{first}..{last}"
    yield "four-parts", f"{signed}.{last}.{last}"


def _signatures(algorithm: str, signed: str, raw: bytes) -> dict[str, bytes]:
    """ModifiedSignature: what is no signature of these bytes."""
    changed = {
        "none": b"",
        "zero": bytes(len(raw)),
        "ones": b"\xff" * len(raw),
        "short": raw[:-1],
        "long": raw + b"\0",
        "leading-zero": b"\0" + raw,
        "bit": raw[:-1] + bytes([raw[-1] ^ 1]),
        "foreign": _signature(signed + "A", keys()[algorithm]),
    }
    if algorithm == "ES256":
        changed |= _elliptic(raw)
    if algorithm == "RS256":
        changed |= {f"pkcs1-{name}": _powered(block) for name, block in _blocks(signed).items()}
    return changed


def _elliptic(raw: bytes) -> dict[str, bytes]:
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    order = CURVE_ORDER.to_bytes(32, "big")
    return {
        "der": encode_dss_signature(r, s),
        "r-zero": bytes(32) + raw[32:],
        "s-zero": raw[:32] + bytes(32),
        "r-one": (1).to_bytes(32, "big") + raw[32:],
        "r-order": order + raw[32:],
        "s-order": raw[:32] + order,
        "both-order": order + order,
        "swapped": raw[32:] + raw[:32],
        "s-beyond": raw[:32] + min(s + CURVE_ORDER, 2**256 - 1).to_bytes(32, "big"),
    }


def _blocks(signed: str) -> dict[str, bytes]:
    """Blocks that a lenient reading of RFC 8017 section 9.2 takes for the padded digest."""
    digest = hashlib.sha256(signed.encode()).digest()
    whole = _SHA256_INFO + digest
    no_null = bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20" + digest
    long_form = b"\x30\x81\x31" + whole[2:]
    room = 256 - 3
    return {
        "bare-digest": b"\0\1" + b"\xff" * (room - len(digest)) + b"\0" + digest,
        "no-null": b"\0\1" + b"\xff" * (room - len(no_null)) + b"\0" + no_null,
        "long-form": b"\0\1" + b"\xff" * (room - len(long_form)) + b"\0" + long_form,
        "garbage-behind": b"\0\1" + b"\xff" * 8 + b"\0" + whole + bytes(room - 8 - len(whole)),
        "garbage-before": b"\0\1" + b"\xff" * (room - len(whole) - 1) + b"\xfe\0" + whole,
        "type-two": b"\0\2" + b"\xff" * (room - len(whole)) + b"\0" + whole,
        "type-zero": b"\0\0" + bytes(room - len(whole)) + b"\0" + whole,
        "no-separator": b"\0\1" + b"\xff" * (room - len(whole) + 1) + whole,
        "another-digest": b"\0\1" + b"\xff" * (room - len(whole)) + b"\0" + _SHA256_INFO + hashlib.sha256(b"else").digest(),
    }


def _powered(block: bytes) -> bytes:
    """The block under the private exponent: a signature that opens to exactly this block."""
    private = keys()["RS256"].key.as_dict(private=True)
    n, d = (int.from_bytes(base64.urlsafe_b64decode(private[name] + "=="), "big") for name in ("n", "d"))
    return pow(int.from_bytes(block, "big"), d, n).to_bytes(256, "big")


def _other_algorithms(algorithm: str, payload: str, key: jose.PrivateKey, raw: bytes) -> Iterator[tuple[str, str]]:
    """AlgIsNone, WrongPrimitive: another algorithm than the key's, also where the signature is right for it."""
    public = key.public.key.public_key
    shared = (public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), json.dumps(dict(key.public.document)).encode())
    for other in ("none", "None", "", "HS256", "HS512", "RS512", "PS256", "ES384", *(name for name in keys() if name != algorithm)):
        signed = f"{b64(json.dumps({'alg': other, 'kid': algorithm, 'typ': 'at+jwt'}).encode())}.{payload}"
        yield f"as-{other}-unsigned", f"{signed}."
        yield f"as-{other}-signed", f"{signed}.{b64(raw)}"
        yield f"as-{other}-signed-anew", f"{signed}.{b64(_signature(signed, key))}"
        for number, secret in enumerate(shared):
            yield f"as-{other}-shared-{number}", f"{signed}.{b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def _key_sets(algorithm: str, token: str, document: Mapping[str, Any]) -> Iterator[Vector]:
    """MixedKeySet, DuplicateKid and keys for something else: a good token and a key set that must not open it."""
    (mine,) = [key for key in document["keys"] if key["kid"] == algorithm]
    others = [key for key in document["keys"] if key["kid"] != algorithm]
    changes: dict[str, list[Mapping[str, Any]]] = {
        "without": others,
        "twice": [mine, {**others[0], "kid": algorithm}],
        "for-encryption": [{**mine, "use": "enc"}],
        "for-another-operation": [{**mine, "key_ops": ["encrypt"]}],
        "for-another-algorithm": [{**mine, "alg": "PS512"}],
        "unnamed": [{name: value for name, value in mine.items() if name != "kid"}],
        "with-its-private-half": [json.loads(keys()[algorithm].export())],
    }
    for name, listed in changes.items():
        yield Vector(f"{algorithm}-key-{name}", token, {"keys": listed}, good=False)
