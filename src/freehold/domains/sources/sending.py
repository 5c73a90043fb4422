"""What sources that send HTTP requests have in common: which refusal a failed one becomes, and the caller's trace on its way on."""

import re
from typing import Final

from freehold.core.refusals import Refusal
from freehold.kit.http import Outbound, Request, SendFailed

_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def traced(traceparent: str) -> tuple[tuple[str, str], ...]:
    """The header that hands the trace on. It comes from the caller's message: one that is none is left out (W3C Trace Context 4.2)."""
    return (("traceparent", traceparent),) if traceparent and _TRACEPARENT.fullmatch(traceparent) else ()


def refusal(fault: SendFailed, *, seconds: float, cap: int) -> Refusal:
    """Why no whole answer came; `seconds` and `cap` bounded the request."""
    match fault.failure:
        case "unreachable":
            return Refusal("upstream_unreachable")
        case "timeout":
            return Refusal("deadline_exceeded", seconds=seconds)
        case "too_large":
            return Refusal("upstream_too_large", limit=cap)
        case "address_refused":
            return Refusal("address_refused")
        case "broken":
            return Refusal("upstream_broken")


async def reach(outbound: Outbound, url: str, *, seconds: float, cap: int) -> None:
    """Return when anything at all answers at the URL, raise `Refusal` when nothing does."""
    try:
        await outbound.send(Request(method="HEAD", url=url), seconds=seconds, cap=cap)
    except SendFailed as fault:
        if fault.failure in {"unreachable", "timeout", "address_refused"}:
            raise refusal(fault, seconds=seconds, cap=cap) from None
