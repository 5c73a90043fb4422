"""Step: an answer that is too large is cut into pages; the first is shown, the others are kept to be read on with `read_more`.

What cannot be cut, and resources and prompts, are left to the guard, which bounds everything."""

import asyncio
from collections.abc import Callable

from freehold.core.call import Call, Next, Outcome
from freehold.domains.answers.pages import fits, paged, told
from freehold.domains.answers.remainders import Remainders
from freehold.kit.clock import Clock
from freehold.kit.crypto import Seal
from freehold.kit.state import State


class Answers:
    """Stands within the guard, so that every page is marked as data like any answer."""

    def __init__(self, state: State, seal: Seal, *, clock: Clock, randomness: Callable[[int], bytes], cap: int) -> None:
        """`cap` is how many bytes of text, and as many of structured content, are shown at once."""
        self._remainders = Remainders(state, seal, clock=clock, randomness=randomness)
        self.read = self._remainders.read
        self._cap = cap

    async def __call__(self, call: Call, *, nxt: Next) -> Outcome:
        """Run, and cut what is too large."""
        outcome = await nxt(call)
        whole = call.tool.whole or (call.view is not None and call.view.whole)
        if call.method != "tools/call" or whole or fits(outcome, self._cap):
            return outcome
        made = await asyncio.to_thread(paged, outcome, call.tool, self._cap)  # a tenth of a second for the largest
        if made is None:
            return outcome
        shown, pages = made
        if len(pages) == 1:
            return shown
        return told(shown, pages[0], await self._remainders.keep(call.principal, pages[1:]))
