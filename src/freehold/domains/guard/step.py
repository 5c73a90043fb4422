"""Step: refuse arguments that do not fit the tool, and mark and bound what comes back.

Structured content is left as the source gave it; detection of injected instructions comes in a later room file."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from freehold.core.call import Call, Next, Outcome
from freehold.core.refusals import Refusal
from freehold.domains.guard.arguments import Arguments
from freehold.domains.guard.boundary import cut, wrap


class Guard:
    """Stands between the corridor and the tool; the same on the error path as on the happy one."""

    def __init__(self, *, randomness: Callable[[int], bytes], cap: int, boundary: bool = True) -> None:
        """`cap` is how many bytes of text, and as many of structured content, one answer may have."""
        self._arguments = Arguments()
        self._randomness = randomness
        self._cap = cap
        self._boundary = boundary

    async def __call__(self, call: Call, *, nxt: Next) -> Outcome:
        """Check, run, mark."""
        why = self._arguments.fault(call.tool, call.arguments)
        if why is not None:
            raise Refusal("invalid_arguments", why=why)
        outcome = await nxt(call)
        return self._marked(outcome)

    def _marked(self, outcome: Outcome) -> Outcome:
        oversize = _size(outcome.structured) > self._cap
        content: list[dict[str, Any]] = []
        was_cut = oversize
        left = self._cap
        for block in outcome.content:
            marked, used, cut_here = self._block(block, left)
            left -= used
            was_cut = was_cut or cut_here
            content.append(marked)
        if was_cut:
            content.append({"type": "text", "text": f"The answer was cut: only {self._cap} bytes are shown. Ask for less at once."})
        structured = UNSET if oversize else outcome.structured
        return msgspec.structs.replace(outcome, content=tuple(content), structured=structured)

    def _block(self, block: dict[str, Any], left: int) -> tuple[dict[str, Any], int, bool]:
        if block.get("type") != "text":
            used = len(block.get("data", ""))
            return (block, used, False) if used <= max(left, 0) else ({"type": "text", "text": "(an attachment was too large)"}, 0, True)
        text = block["text"]
        was_cut = len(text) > left or (not text.isascii() and len(text.encode()) > left)
        if was_cut:
            text = cut(text, max(left, 0))
        marked = wrap(text, self._randomness) if self._boundary else text
        return {**block, "text": marked}, len(text), was_cut


def _size(structured: object | UnsetType) -> int:
    if isinstance(structured, msgspec.Raw):
        return len(memoryview(structured))
    return 0 if structured is UNSET else len(msgspec.json.encode(structured))
