"""Between an upstream that asks and the client that called: questions, progress and log lines go on, under the upstream's name.

An upstream may ask only where the operator lets it, and then what the caller's own client declared; no page may be opened for it."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec
from msgspec import Raw, Struct

from freehold.core.channel import LEVELS, Ask, AskMethod, Channel, Unanswered
from freehold.core.refusals import Refusal
from freehold.domains.sources.upstream.exchange import Declined
from freehold.domains.sources.upstream.schemas import general_fault
from freehold.domains.sources.upstream.words import shown
from freehold.protocol.capabilities import NONE, Capabilities
from freehold.protocol.wire import is_object

_MOST_QUESTIONS: Final = 16
"""Questions of one call."""
_METHOD_NOT_FOUND: Final = -32601
_INVALID: Final = -32602
_REJECTED: Final = -1
"""What a client answers whose user does not want to (client/sampling, Error Handling)."""
_LONGEST_STATE: Final = 262_144


class _Question(Struct):
    method: str
    params: dict[str, Any] = {}


class _Required(Struct):
    inputRequests: dict[str, _Question] = {}  # noqa: N815  the wire's own name
    requestState: str | None = None  # noqa: N815  the wire's own name


class _Kind(Struct):
    resultType: str = "complete"  # noqa: N815  the wire's own name


def kind(result: Raw) -> str:
    """The resultType of a result; `complete` where an older server has none."""
    try:
        return msgspec.json.decode(result, type=_Kind).resultType
    except msgspec.MsgspecError:
        raise Refusal("upstream_broken") from None


class Relay:
    """Hears for one call."""

    def __init__(self, channel: Channel, source: str, *, may_ask: bool) -> None:
        """`source` is whose words the client is shown."""
        self._channel = channel
        self._source = source
        self._asked = 0
        self._may_ask = may_ask
        self.capabilities = _able(channel) if may_ask else NONE

    async def told(self, method: str, params: dict[str, Any]) -> None:
        """Progress and log lines; whatever else a server tells is not the caller's."""
        if method == "notifications/progress":
            done, total, message = params.get("progress"), params.get("total"), params.get("message")
            if isinstance(done, int | float):
                await self._channel.progress(done, total if isinstance(total, int | float) else None, shown(message) or None)
        elif method == "notifications/message" and params.get("level") in LEVELS:
            await self._channel.log(params["level"], params.get("data"), self._source)

    async def asked(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """A question of a 2025 server, which waits for its answer; one that only comes with another call ends this one."""
        if method == "ping":
            return {}
        ask = self._ask(method, params)
        if ask is None:
            raise Declined(_METHOD_NOT_FOUND, "The client does not answer this.")
        try:
            return (await self._channel.ask([ask]))[ask.key]
        except Unanswered:
            if method == "elicitation/create":
                return {"action": "cancel"}
            raise Declined(_REJECTED, "The client did not answer.") from None
        except Refusal as refused:
            raise Declined(_INVALID, refused.sentence) from None

    async def round(self, result: Raw) -> dict[str, Any]:
        """What a 2026-07-28 request is sent again with. Raises `Refusal` for a question that it should not have asked."""
        try:
            required = msgspec.json.decode(result, type=_Required)
        except msgspec.MsgspecError:
            raise Refusal("upstream_broken") from None
        if not required.inputRequests and required.requestState is None:
            raise Refusal("upstream_broken")
        asks = {key: self._ask(one.method, one.params) for key, one in required.inputRequests.items()}
        if any(ask is None for ask in asks.values()) or len(required.requestState or "") > _LONGEST_STATE:
            raise Refusal("upstream_broken")
        known = cast("Mapping[str, Ask]", asks)
        answers: Mapping[str, Any] = await self._channel.ask(list(known.values())) if known else {}
        again: dict[str, Any] = {"inputResponses": {key: answers[ask.key] for key, ask in known.items()}} if known else {}
        return again if required.requestState is None else {**again, "requestState": required.requestState}

    def _ask(self, method: str, params: dict[str, Any]) -> Ask | None:
        """The question as it goes on; None when it may not. Its key is the same whenever the call is run again."""
        self._asked += 1
        fit = {key: value for key, value in params.items() if key not in {"_meta", "task", "includeContext"}}
        if not self._may_ask or self._asked > _MOST_QUESTIONS or not _fits(method, fit):
            return None
        if method == "elicitation/create":
            fit["message"] = f"[{self._source}] {shown(fit.get('message'))}"
        digest = hashlib.sha256(msgspec.json.encode([method, fit], order="sorted")).hexdigest()[:12]
        ask = Ask(key=f"{self._source}-{self._asked}-{digest}", method=cast("AskMethod", method), params=fit)
        return ask if self._channel.can(ask) else None


def _fits(method: str, params: dict[str, Any]) -> bool:
    match method:
        case "elicitation/create":
            schema: object = params.get("requestedSchema")
            form = params.get("mode", "form") == "form"
            return form and is_object(schema) and schema.get("type") == "object" and general_fault(schema) is None
        case "sampling/createMessage":
            return isinstance(params.get("messages"), list) and type(params.get("maxTokens")) is int
        case _:
            return method == "roots/list"


def _able(channel: Channel) -> Capabilities:
    """What the caller's client can be asked, as we declare it to the upstream."""

    def can(method: AskMethod, **params: Any) -> bool:
        return channel.can(Ask(key="", method=method, params=params))

    return Capabilities(
        form=can("elicitation/create", mode="form"),
        sampling=can("sampling/createMessage"),
        sampling_tools=can("sampling/createMessage", tools=[]),
        roots=can("roots/list"),
    )
