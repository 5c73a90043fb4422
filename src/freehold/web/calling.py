"""The methods that run something: tools/call, resources/read, prompts/get, completion/complete, each one call in the corridor."""

import base64
import binascii
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from freehold.core.call import Method, Outcome
from freehold.core.channel import LEVELS, Channel
from freehold.core.principal import Principal
from freehold.core.refusals import Refusal
from freehold.core.tool import Meant, Tool, View
from freehold.domains.calls.run import Asked, Calls
from freehold.domains.catalog.resolve import Catalog
from freehold.kit.clock import Clock
from freehold.kit.crypto import Seal, Unsealable
from freehold.kit.ids import Ids
from freehold.protocol import mirrors, revisions, rounds
from freehold.protocol.methods import Results
from freehold.protocol.wire import Fault, is_object
from freehold.web.answers import Answers
from freehold.web.channels import LegacyChannel, ModernChannel, Ways
from freehold.web.tasks import TaskMethods, needed
from freehold.web.turn import Turn

_STATE: Final = "request-state/1"
_NO_ANSWERS: Final[dict[str, Any]] = {}
_LONGEST_URI: Final = 8_192

Encode = Callable[[Outcome], bytes]


class Calling:
    """From parsed parameters to a call, and from its outcome to the result."""

    def __init__(
        self,
        *,
        calls: Calls,
        catalog: Catalog,
        results: Results,
        ways: Ways,
        tasks: TaskMethods,
        seal: Seal,
        clock: Clock,
        ids: Ids,
        task_seconds: float,
    ) -> None:
        """Everything it uses, ready to use; `task_seconds` is how long a call may take that has become a task."""
        self._calls = calls
        self._catalog = catalog
        self._results = results
        self._ways = ways
        self._seal = seal
        self._tasks = tasks
        self._clock = clock
        self._ids = ids
        self._task_seconds = task_seconds
        self._answers = {True: Answers(results, modern=True), False: Answers(results, modern=False)}

    async def tool(self, turn: Turn, principal: Principal, params: dict[str, Any]) -> bytes:
        """tools/call."""
        name = _text(params, "name")
        arguments = _object(params, "arguments")
        tool, view = self._tool(principal, name), None
        meant = _meant(tool, principal, arguments)
        if meant is not None:
            tool, arguments, view = self._tool(principal, meant.name), meant.arguments, meant.view
            if tool.stands_in is not None:
                raise Refusal("unknown_tool")
        encode = self._answers[turn.modern].tool
        if turn.modern:
            if meant is None and (plan := self._catalog.mirrored(principal, name)) and turn.raw is not None:
                mirrors.check(plan, arguments, mirrors.gathered(turn.raw))
            if tool.task != "never" and self._becomes_task(turn, principal, params, tool):
                return await self._task(turn, principal, params, tool, arguments, encode)
        return await self._run(turn, principal, params, "tools/call", tool.name, arguments, tool, encode, view)

    def _tool(self, principal: Principal, name: str) -> Tool:
        tool = self._catalog.find(principal, name)
        if tool is None:
            raise Refusal("unknown_tool")
        return tool

    async def resource(self, turn: Turn, principal: Principal, params: dict[str, Any]) -> bytes:
        """resources/read."""
        uri = _text(params, "uri")
        found = self._catalog.resource(principal, uri) if len(uri) <= _LONGEST_URI else None
        if found is None:
            raise Refusal("unknown_resource", data={"uri": uri})
        resource, variables = found
        encode = partial(self._answers[turn.modern].resource, resource, uri)
        return await self._run(turn, principal, params, "resources/read", uri, dict(variables), resource.tool, encode)

    async def prompt(self, turn: Turn, principal: Principal, params: dict[str, Any]) -> bytes:
        """prompts/get."""
        name = _text(params, "name")
        arguments = _object(params, "arguments")
        prompt = self._catalog.prompt(principal, name)
        if prompt is None:
            raise Refusal("unknown_prompt")
        encode = partial(self._answers[turn.modern].prompt, prompt)
        return await self._run(turn, principal, params, "prompts/get", name, arguments, prompt.tool, encode)

    async def complete(self, turn: Turn, principal: Principal, params: dict[str, Any]) -> bytes:
        """completion/complete. What has no completions of its own completes to nothing."""
        ref, argument = _object(params, "ref"), _object(params, "argument")
        name, value = _text(argument, "name"), _text(argument, "value")
        given = _object(_object(params, "context"), "arguments")
        completing, known = self._completing(principal, ref)
        if completing is None or name not in known:
            return self._results.completions((), modern=turn.modern)
        arguments = {"argument": name, "value": value, "given": given}
        encode = self._answers[turn.modern].completion
        return await self._run(turn, principal, params, "completion/complete", completing.name, arguments, completing, encode)

    def _completing(self, principal: Principal, ref: dict[str, Any]) -> tuple[Tool | None, frozenset[str]]:
        """What completes a reference, and the names that can be completed."""
        kind: object = ref.get("type")
        if kind == "ref/prompt":
            prompt = self._catalog.prompt(principal, _text(ref, "name"))
            if prompt is None:
                raise Refusal("unknown_prompt")
            return prompt.completing, frozenset(one.name for one in prompt.arguments)
        if kind == "ref/resource":
            resource = self._catalog.template(principal, _text(ref, "uri"))
            if resource is None:
                raise Refusal("unknown_resource", data={"uri": ref["uri"]})
            return resource.completing, frozenset(resource.tool.input_schema.get("properties", ()))
        raise Fault("invalid_params", "params.ref.type must be ref/prompt or ref/resource")

    async def _run(
        self,
        turn: Turn,
        principal: Principal,
        params: dict[str, Any],
        method: Method,
        name: str,
        arguments: dict[str, Any],
        tool: Tool,
        encode: Encode,
        view: View | None = None,
    ) -> bytes:
        if turn.modern:
            channel = self._modern(turn, principal, params, method, name, arguments)
        else:
            channel = LegacyChannel(turn, principal.tenant, self._ways)
        asked = _asked(turn, principal, method, name, arguments, tool, channel)
        if view is not None:
            asked = replace(asked, view=view)
        return await self._calls.run(asked, partial(self._round, asked, encode) if turn.modern else encode)

    # tasks

    def _becomes_task(self, turn: Turn, principal: Principal, params: dict[str, Any], tool: Tool) -> bool:
        """What the caller may not do is refused as any call is, by the corridor."""
        if not turn.capabilities.tasks:
            if tool.task == "required":
                raise needed()
            return False
        return tool.scopes <= principal.scopes and (not tool.asks_first or "inputResponses" in params)

    async def _task(
        self, turn: Turn, principal: Principal, params: dict[str, Any], tool: Tool, arguments: dict[str, Any], encode: Encode
    ) -> bytes:
        onward = self._modern(turn, principal, params, "tools/call", tool.name, arguments)
        asked = _asked(turn, principal, "tools/call", tool.name, arguments, tool, onward)
        asked = replace(asked, identity=self._ids.new(), seconds=self._task_seconds)

        async def run(channel: Channel, encode: Encode) -> bytes:
            return await self._calls.run(replace(asked, channel=channel), encode)

        return await self._tasks.begin(turn, principal, tool.name, asked.identity, onward=onward, run=run, encode=encode)

    # rounds

    def _modern(
        self, turn: Turn, principal: Principal, params: dict[str, Any], method: Method, name: str, arguments: dict[str, Any]
    ) -> ModernChannel:
        """The channel, with the answers this request and those before it brought. A state that is not ours is no request to serve."""
        if turn.meta.get(revisions.LOG_LEVEL_KEY, "info") not in LEVELS:
            raise Fault("invalid_params", f"params._meta {revisions.LOG_LEVEL_KEY} is not a level there is")
        if method == "completion/complete":  # asks nothing, so nothing can have been answered
            return ModernChannel(turn, principal.tenant, self._ways, {})
        if "requestState" not in params and "inputResponses" not in params:
            return ModernChannel(turn, principal.tenant, self._ways, _NO_ANSWERS)
        responses = _object(params, "inputResponses")
        state: object = params.get("requestState")
        if state is None:
            return ModernChannel(turn, principal.tenant, self._ways, responses)
        if type(state) is not str or len(state) > rounds.LONGEST:
            raise Refusal("invalid_state")
        opened = self._opened(state, _bound(principal, method, name, arguments))
        responses = {**opened.answers, **{key: responses[key] for key in opened.asked if key in responses}}
        return ModernChannel(turn, principal.tenant, self._ways, responses, state)

    def _opened(self, state: str, bound_to: bytes) -> rounds.Round:
        try:
            sealed = base64.b64decode(state, altchars=b"-_", validate=True)
            opened = rounds.decode(self._seal.open(_STATE, sealed, bound_to))
        except (binascii.Error, ValueError, Unsealable, msgspec.MsgspecError):
            raise Refusal("invalid_state") from None
        if opened.expires_at <= self._clock.now() or base64.urlsafe_b64encode(sealed).decode() != state:
            raise Refusal("invalid_state")
        return opened

    def _round(self, asked: Asked, encode: Encode, outcome: Outcome) -> bytes:
        """The result; when the call asks, the questions and the sealed state that goes with them."""
        if outcome.status != "asked":
            return encode(outcome)
        channel = asked.channel
        answers: dict[str, Any] = dict(channel.answers) if isinstance(channel, ModernChannel) else {}
        value = rounds.Round(self._clock.now() + rounds.LASTS, tuple(ask.key for ask in outcome.asks), answers)
        bound_to = _bound(asked.principal, asked.method, asked.name, asked.arguments)
        sealed = base64.urlsafe_b64encode(self._seal.seal(_STATE, rounds.encode(value), bound_to)).decode()
        if len(sealed) > rounds.LONGEST:  # a state that would not be taken back is not given
            raise Refusal("invalid_params", why="the answers so far are more than a requestState can carry")
        return self._results.asked(((ask.key, ask.method, ask.params) for ask in outcome.asks), sealed)


def _meant(tool: Tool, principal: Principal, arguments: dict[str, Any]) -> Meant | None:
    """None also for arguments that mean nothing: the corridor refuses and records them, as those of any tool."""
    if tool.stands_in is None:
        return None
    try:
        return tool.stands_in(principal, arguments)
    except Refusal as refusal:
        if refusal.code != "invalid_arguments":
            raise
        return None


def _asked(turn: Turn, principal: Principal, method: Method, name: str, arguments: dict[str, Any], tool: Tool, channel: Channel) -> Asked:
    return Asked(
        principal=principal,
        name=name,
        tool=tool,
        arguments=arguments,
        request_id=turn.name,
        revision=turn.revision,
        bytes_in=turn.bytes_in,
        traceparent=turn.traceparent,
        method=method,
        channel=channel,
    )


def _bound(principal: Principal, method: Method, name: str, arguments: dict[str, Any]) -> bytes:
    return rounds.binding((principal.tenant, principal.subject, principal.client), method, name, arguments)


def _text(params: dict[str, Any], member: str) -> str:
    value: object = params.get(member)
    if type(value) is not str:
        raise Fault("invalid_params", f"{member} must be a string")
    return value


def _object(params: dict[str, Any], member: str) -> dict[str, Any]:
    """The member, empty when it is absent or null."""
    value: object = params.get(member)
    if value is None:
        return {}
    if not is_object(value):
        raise Fault("invalid_params", f"{member} must be an object")
    return value
