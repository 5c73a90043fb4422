"""Every requirement of the specification that we claim, with its section and its tests; `tests/house/conformity.py` enforces the table.

Not in it, being later work: the authorization server, and how Freehold signs in at other MCP servers."""

from typing import Final

from tests.protocol.required.client import CLIENT
from tests.protocol.required.exchanges import ASK, CONF, MRTR, SUB, TASK
from tests.protocol.required.features import CACHE, CANCEL, COMP, LOG, PAGE, PROG, PROMPT, RES, TOOL
from tests.protocol.required.legacy import LEG_ASK, LEG_BATCH, LEG_HTTP, LEG_INIT, LEG_SESS
from tests.protocol.required.requirement import Requirement
from tests.protocol.required.wire import HDR, HTTP, META, RS, VER, WIRE

__all__ = ["REQUIREMENTS", "Requirement"]

REQUIREMENTS: Final[tuple[Requirement, ...]] = (
    *(WIRE + META + HTTP + HDR + VER + RS),
    *(TOOL + RES + PROMPT + COMP + PAGE + CACHE + PROG + LOG + CANCEL),
    *(MRTR + ASK + SUB + TASK + CONF + CLIENT),
    *(LEG_INIT + LEG_HTTP + LEG_SESS + LEG_ASK + LEG_BATCH),
)
