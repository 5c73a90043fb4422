"""What is known of a client, however it became known: registered by itself, named in the settings, or by a document of its own."""

from typing import Final, Literal
from urllib.parse import urlsplit

from msgspec import Struct

from freehold.domains.oauth.denied import Denied

AuthMethod = Literal["none", "client_secret_basic", "client_secret_post"]
METHODS: Final[tuple[AuthMethod, ...]] = ("none", "client_secret_basic", "client_secret_post")
LONGEST_NAME: Final = 100
MOST_REDIRECTS: Final = 20


class Client(Struct, frozen=True, kw_only=True):
    """A client as far as this server is concerned."""

    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    auth_method: AuthMethod = "none"
    secret: bytes | None = None
    """SHA-256 of its secret."""
    vouched: bool = False
    """Whether the operator named it; nobody checked what any other says of itself."""

    @property
    def host(self) -> str:
        """The host that its document lies on, which alone proves something about it; empty for others."""
        return urlsplit(self.client_id).netloc if self.client_id.startswith(("https://", "http://")) else ""


def checked_name(name: str) -> str:
    """The name as it may be shown. Invisible characters, which could turn or hide others, are none of a name's."""
    if not 0 < len(name.strip()) <= LONGEST_NAME or not name.isprintable():
        raise Denied("invalid_client_metadata", f"client_name must have 1 to {LONGEST_NAME} printable characters.")
    return name.strip()
