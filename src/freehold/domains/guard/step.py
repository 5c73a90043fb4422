"""Step: refuse arguments that do not fit the tool, and mark and bound what comes back.

Structured content is left as the source gave it; detection of injected instructions comes in a later room file."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from freehold.core.call import Call, Next, Outcome
from freehold.core.content import attached
from freehold.core.refusals import Refusal
from freehold.domains.guard.arguments import Arguments
from freehold.domains.guard.boundary import cut, weighed, wrap

_Kept = tuple[dict[str, Any], int, bool]
"""A block as it is shown, the bytes it takes of the cap, and whether it is whole."""


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
        if call.tool.quarantined:
            raise Refusal("definition_changed")
        why = self._arguments.fault(call.tool, call.arguments)
        if why is not None:
            raise Refusal("invalid_arguments", why=why)
        outcome = await nxt(call)
        if call.tool.whole or (call.view is not None and call.view.whole):
            return outcome
        if call.method != "tools/call":
            return self._whole(outcome)
        return self._marked(outcome, call.tool.output_schema)

    def _whole(self, outcome: Outcome) -> Outcome:
        """Resources and prompts are what their source says, to the letter, or not at all."""
        if len(msgspec.json.encode(outcome.content)) + _size(outcome.structured) > self._cap:
            raise Refusal("answer_too_large", limit=self._cap)
        return outcome

    def _marked(self, outcome: Outcome, promised: dict[str, Any] | None) -> Outcome:
        content, was_cut = self._bounded(outcome.content)
        size = _size(outcome.structured)
        if size > self._cap:
            held_to_it = promised is not None and outcome.status == "ok"
            if promised and held_to_it and promised.get("required"):
                broken = (_promise_broken(size, self._cap), *content, *_noticed(outcome))
                return Outcome(status="error", content=broken, meta=outcome.meta, units=outcome.units)
            outcome, was_cut = msgspec.structs.replace(outcome, structured={} if held_to_it else UNSET), True
        content += _noticed(outcome)
        if was_cut and not outcome.notice:
            content.append({"type": "text", "text": f"The answer was cut: only {self._cap} bytes are shown. Ask for less at once."})
        return msgspec.structs.replace(outcome, content=tuple(content))

    def _bounded(self, blocks: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], bool]:
        """The blocks that fit into the cap together, and whether that is less than all there was."""
        content: list[dict[str, Any]] = []
        left, was_cut = self._cap, False
        for block in blocks:
            if left <= 0:
                return content, True
            kept, used, whole = self._text(block, left) if block["type"] == "text" else _attached(block, left)
            content.append(kept)
            left -= used
            was_cut = was_cut or not whole
        return content, was_cut

    def _text(self, block: dict[str, Any], left: int) -> _Kept:
        text, size = weighed(block["text"])
        if size > left:
            text = cut(text, left)
        return {**block, "text": wrap(text, self._randomness) if self._boundary else text}, min(size, left), size <= left


def _noticed(outcome: Outcome) -> list[dict[str, Any]]:
    """Our own words, outside the boundary."""
    return [{"type": "text", "text": outcome.notice}] if outcome.notice else []


def _attached(block: dict[str, Any], left: int) -> _Kept:
    """Anything but text, as it is or not at all; what is not shown leaves its room to what follows."""
    size = attached(block)
    return (block, size, True) if size <= left else ({"type": "text", "text": "(an attachment was too large)"}, 0, False)


def _promise_broken(size: int, cap: int) -> dict[str, Any]:
    """A client holds a good answer to the tool's output schema; where even an empty object breaks it, the answer cannot stay a good one."""
    said = f"The call succeeded, but its answer of {size} bytes was cut to {cap}. Ask for less: a narrower filter, a smaller page."
    return {"type": "text", "text": said}


def _size(structured: object | UnsetType) -> int:
    if isinstance(structured, msgspec.Raw):
        return len(memoryview(structured))
    return 0 if structured is UNSET else len(msgspec.json.encode(structured))
