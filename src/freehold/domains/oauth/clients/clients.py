"""Which client is that, and is it really that one: look-up by id, and authentication at the token endpoint (RFC 6749 section 2.3)."""

import hmac
from base64 import b64decode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from freehold.domains.oauth.clients import store
from freehold.domains.oauth.clients.documents import ClientDocuments
from freehold.domains.oauth.clients.model import AuthMethod, Client
from freehold.domains.oauth.denied import Denied
from freehold.kit.clock import Clock
from freehold.kit.db import Database

_LONGEST_ID: Final = 255
_NOBODY: Final = sha256(b"nobody").digest()
_SAME: Final = "The client is unknown, or did not prove who it is."


class Presented(Struct, frozen=True):
    """How a client says who it is."""

    client_id: str
    method: AuthMethod
    secret: str = ""


class Clients:
    """Every client there is: those of the settings, those with a document, those registered."""

    def __init__(self, db: Database, documents: ClientDocuments, named: Sequence[Client], *, clock: Clock) -> None:
        """`named` are the operator's own."""
        self._db = db
        self._documents = documents
        self._named = {client.client_id: client for client in named}
        self._clock = clock

    async def find(self, client_id: str) -> Client | None:
        """The client of that id, or None."""
        if client_id in self._named:
            return self._named[client_id]
        if self._documents.names(client_id):
            return await self._documents.find(client_id)
        return await store.find(self._db, client_id, self._clock.now()) if 0 < len(client_id) <= _LONGEST_ID else None

    async def authenticate(self, authorization: bytes | None, form: Mapping[str, str]) -> Client:
        """The client that sends this form, by the one method it is registered for. Raises `Denied("invalid_client")` and no more.

        A client known by its document is public and its document is not read here: what it presents was given to that id.
        """
        presented = _presented(authorization, form)
        if self._documents.names(presented.client_id) and presented.client_id not in self._named:
            if presented.method != "none":
                raise Denied("invalid_client", _SAME)
            return Client(client_id=presented.client_id, name="", redirect_uris=())
        client = await self.find(presented.client_id)
        digest = sha256(presented.secret.encode("utf-8", "surrogatepass")).digest()
        expected = _NOBODY if client is None or client.secret is None else client.secret
        proven = hmac.compare_digest(digest, expected) or (client is not None and client.auth_method == "none")
        if client is None or client.auth_method != presented.method or not proven:
            raise Denied("invalid_client", _SAME)
        return client


def _presented(authorization: bytes | None, form: Mapping[str, str]) -> Presented:
    in_form = form.get("client_id")
    if authorization is None:
        if in_form is None:
            raise Denied("invalid_client", "Say which client this is: client_id is missing.")
        secret = form.get("client_secret")
        return Presented(in_form, "none") if secret is None else Presented(in_form, "client_secret_post", secret)
    client_id, secret = _basic(authorization)
    if "client_secret" in form or in_form not in {None, client_id}:
        raise Denied("invalid_request", "Authenticate in one way only.")
    return Presented(client_id, "client_secret_basic", secret)


def _basic(authorization: bytes) -> tuple[str, str]:
    """Name and secret, each form-encoded before they were joined (RFC 6749 section 2.3.1)."""
    scheme, _, encoded = authorization.partition(b" ")
    try:
        if scheme.lower() != b"basic":
            raise ValueError  # noqa: TRY301  one way out
        name, colon, secret = b64decode(encoded, validate=True).partition(b":")
        if not colon:
            raise ValueError  # noqa: TRY301  same
        return _decoded(name), _decoded(secret)
    except ValueError:
        raise Denied("invalid_client", "The Authorization header is not HTTP Basic with a client id and secret.") from None


def _decoded(part: bytes) -> str:
    return unquote_to_bytes(part.replace(b"+", b" ")).decode()
