"""What becomes of a refresh token that is presented: given a successor, given the same one again, refused, or taken for stolen. Pure.

A client whose answer was lost presents its token again, at once or when the laptop wakes up. So the token before the current one is
answered with the *same* successor until that answer has arrived: until the successor is used, or an access token that came with it is
shown to this server. From then on whoever presents the old token is somebody else, and nobody can tell which of the two is honest:
the grant ends. Only for `WINDOW` seconds after the rotation may both come, for two programs of one client may refresh at once."""

import hmac
from typing import Final, Literal

from freehold.domains.oauth.grants.model import IDLE_SECONDS, GrantRow
from freehold.domains.oauth.grants.sealing import Presented

WINDOW: Final = 60.0
"""Seconds: longer than two programs of one client may be apart, much shorter than an access token lives."""

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
        return "repeat" if grant.arrived < grant.generation or now < grant.rotated_at + WINDOW else "reused"
    return "reused"
