"""Ways to say no in OAuth's own words (RFC 6749 sections 4.1.2.1 and 5.2, RFC 7591, RFC 8707).

Which of them travels how is `web/oauth`'s; these are read by programs, so they are codes of the RFCs and not refusals of ours."""

from typing import Literal

Error = Literal[
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "invalid_scope",
    "invalid_target",
    "invalid_redirect_uri",
    "invalid_client_metadata",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_response_type",
    "unsupported_token_type",
    "request_not_supported",
    "request_uri_not_supported",
    "interaction_required",
    "access_denied",
    "temporarily_unavailable",
]


class Denied(Exception):
    """An OAuth error. `description` is ASCII without quotes or backslashes and repeats nothing the caller sent."""

    def __init__(self, error: Error, description: str) -> None:
        """Say the code, and in a sentence what to change."""
        super().__init__(f"{error}: {description}")
        self.error: Error = error
        self.description = description


class Unanswerable(Exception):
    """An authorization request whose client or redirect URI is not good: said to the person, never sent anywhere (RFC 9700 section 4.1)."""

    def __init__(self, why: str, mend: str) -> None:
        """Two sentences for the page."""
        super().__init__(why)
        self.why = why
        self.mend = mend
