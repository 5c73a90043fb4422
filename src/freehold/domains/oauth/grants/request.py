"""An authorization request, read strictly: parameters to `Asked`, or whose fault it is and where that is said. Pure.

Until client and redirect address are known to be good (`addressee`) nothing is sent anywhere; what is wrong after that goes there."""

from collections.abc import Collection, Mapping
from typing import Final

from msgspec import Struct

from freehold.domains.oauth.clients import redirects
from freehold.domains.oauth.clients.model import Client
from freehold.domains.oauth.denied import Denied, Unanswerable
from freehold.domains.oauth.grants import pkce
from freehold.domains.oauth.grants.model import Asked, names

LONGEST_STATE: Final = 8_192
MOST_SCOPES: Final = 100


class Terms(Struct, frozen=True, kw_only=True):
    """What this server gives."""

    resource: str
    scopes: frozenset[str]
    """Every scope there is."""
    first: frozenset[str]
    """What a client is taken to want that names none."""


class Parameters(Struct, frozen=True):
    """Request parameters as they came: the last value of each, and the names that came more than once."""

    values: Mapping[str, str]
    repeated: frozenset[str] = frozenset()

    def get(self, name: str) -> str | None:
        """The value; None also for an empty one (RFC 6749 section 3.1)."""
        return self.values.get(name) or None


def client_of(parameters: Parameters) -> str:
    """The client's id, or `Unanswerable`."""
    client_id = parameters.get("client_id")
    if client_id is None or "client_id" in parameters.repeated:
        raise Unanswerable("The link does not say which application it comes from.", "Go back to the application and connect again.")
    return client_id


def addressee(parameters: Parameters, client: Client | None) -> str:
    """The address that the answer goes to, byte for byte as it was asked for, or `Unanswerable`."""
    if client is None:
        raise Unanswerable(
            "The application that sent you here is not known.", "Remove its connection there and connect again, so that it registers anew."
        )
    wanted = parameters.get("redirect_uri")
    if wanted is None and len(client.redirect_uris) == 1:
        wanted = client.redirect_uris[0]
    if wanted is None or "redirect_uri" in parameters.repeated or not redirects.registered(wanted, client.redirect_uris):
        raise Unanswerable(
            "The application wants the answer sent to an address that it did not register.",
            "Do not go on if you did not start this yourself; tell whoever makes the application.",
        )
    return wanted


def asked(parameters: Parameters, client: Client, redirect_uri: str, terms: Terms) -> Asked:
    """The request itself. Raises `Denied`, which may be sent to `redirect_uri`."""
    if parameters.repeated:
        raise Denied("invalid_request", "A parameter is given twice.")
    _check_form(parameters)
    return Asked(
        client=client,
        redirect_uri=redirect_uri,
        scopes=_scopes(parameters.get("scope"), terms),
        state=state_of(parameters),
        challenge=_challenge(parameters),
        resource=_resource(parameters.get("resource"), terms),
    )


def state_of(parameters: Parameters) -> str | None:
    """The state to give back, with errors too; none when it is too long or ambiguous."""
    state = parameters.get("state")
    return state if state is not None and len(state) <= LONGEST_STATE and "state" not in parameters.repeated else None


def _check_form(parameters: Parameters) -> None:
    for name in ("request", "request_uri"):
        if parameters.get(name) is not None:
            raise Denied("request_not_supported" if name == "request" else "request_uri_not_supported", "Send plain parameters.")
    kind = parameters.get("response_type")
    if kind is None:
        raise Denied("invalid_request", "response_type is missing; it must be code.")
    if kind != "code":
        raise Denied("unsupported_response_type", "response_type must be code.")
    if parameters.get("response_mode") not in {None, "query"}:
        raise Denied("invalid_request", "response_mode must be query.")
    if len(parameters.get("state") or "") > LONGEST_STATE:
        raise Denied("invalid_request", f"state must have at most {LONGEST_STATE} characters.")
    if parameters.get("prompt") == "none":
        raise Denied("interaction_required", "The user is asked every time.")


def _challenge(parameters: Parameters) -> str:
    challenge = parameters.get("code_challenge")
    if challenge is None or parameters.get("code_challenge_method") != pkce.METHOD:
        raise Denied("invalid_request", "PKCE is required: send code_challenge and code_challenge_method=S256.")
    if not pkce.is_challenge(challenge):
        raise Denied("invalid_request", "code_challenge must be 43 characters of base64url.")
    return challenge


def _resource(wanted: str | None, terms: Terms) -> str:
    """There is one; clients of 2025-03-26 do not know of resources and mean it too."""
    if wanted is not None and not names(wanted, terms.resource):
        raise Denied("invalid_target", "resource is not the address of this MCP server.")
    return terms.resource


def _scopes(wanted: str | None, terms: Terms) -> frozenset[str]:
    """Those there are of the ones it names: others, like offline_access, are not given and not complained about (RFC 6749 section 3.3)."""
    if wanted is None:
        return terms.first
    listed = wanted.split(" ")
    known = terms.scopes.intersection(listed)
    if not known or len(listed) > MOST_SCOPES:
        raise Denied("invalid_scope", "None of the scopes can be given here.")
    return known


def narrowed(wanted: str | None, granted: Collection[str]) -> frozenset[str]:
    """The scopes a token request names, which may only be fewer. Raises `Denied`."""
    if wanted is None:
        return frozenset(granted)
    named = frozenset(wanted.split(" ")) - {""}
    if not named or not named.issubset(granted):
        raise Denied("invalid_scope", "A token request can ask only for scopes that were granted.")
    return named
