"""What becomes of a refresh token that is presented: given a successor, given the same one again, refused, or taken for stolen. Pure.

A client whose answer was lost presents its token again. So the token before the current one is answered with the *same* successor: for
`WINDOW` seconds, and only until that successor is used. From then on whoever presents it is another party than the one who got the
successor, and nobody can tell which of the two is honest: the grant ends."""

import hmac
from typing import Final, Literal

from freehold.domains.oauth.grants.model import IDLE_SECONDS, GrantRow
from freehold.domains.oauth.grants.sealing import Presented

WINDOW: Final = 60.0
"""Seconds: longer than a client waits before it tries again, shorter than an access token lives."""

Verdict = Literal["rotate", "repeat", "reused", "refused"]


def judge(grant: GrantRow, presented: Presented, now: float) -> Verdict:
    """The verdict on a token we certainly made for this grant.

    A genuine token that is neither of the last two has been rotated away long ago: reused. `refused` says nothing about theft.
    """
    if grant.ended_at is not None or now >= min(grant.expires_at, grant.rotated_at + IDLE_SECONDS):
        return "refused"
    if presented.generation == grant.generation:
        return "rotate" if hmac.compare_digest(presented.digest, grant.current) else "refused"
    if presented.generation > grant.generation:
        return "refused"
    if grant.previous is not None and hmac.compare_digest(presented.digest, grant.previous):
        return "repeat" if now < grant.rotated_at + WINDOW else "reused"
    return "reused"
