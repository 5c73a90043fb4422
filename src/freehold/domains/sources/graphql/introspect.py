"""The schema of a living endpoint, asked for with the standard introspection query through the guarded client, without a credential."""

from typing import Final

import msgspec
from graphql import get_introspection_query

from freehold.domains.sources.fetch import LARGEST
from freehold.domains.sources.graphql.answers import Errors, Reply, parsed
from freehold.domains.sources.graphql.invoke import ACCEPT
from freehold.domains.sources.graphql.read import invalid
from freehold.domains.sources.openapi.document import mapping
from freehold.kit.http import Answer, Outbound, Request, SendFailed

_SECONDS: Final = 30.0
_BY_FILE: Final = "Save its schema as a file, name that in `graphql` and the endpoint in `base_url`."


async def introspected(url: str, outbound: Outbound) -> bytes:
    """The introspection's JSON, or `Refusal`. An endpoint that knows no @oneOf is asked again without it."""
    said: Errors = ()
    for one_of in (True, False):
        answer = await _asked(url, get_introspection_query(input_value_deprecation=one_of, one_of=one_of), outbound)
        reply = parsed(answer.body)
        schema = None if reply is None else mapping(reply.data).get("__schema")
        if schema:
            return msgspec.json.encode({"__schema": schema})
        said = _errors(answer, reply)
    raise invalid(f"its server does not let its schema be read ({said[0]})", _BY_FILE)


def _errors(answer: Answer, reply: Reply | None) -> Errors:
    """What the server said. Raises `Refusal` when it did not speak GraphQL."""
    if answer.status in {401, 403}:
        raise invalid(f"its server asks for a credential ({answer.status})", _BY_FILE)
    if reply is None or not reply.errors:
        raise invalid(f"its server answered {answer.status}, and no GraphQL", "Check that the address is the GraphQL endpoint itself.")
    return reply.said()


async def _asked(url: str, query: str, outbound: Outbound) -> Answer:
    headers = (("accept", ACCEPT), ("content-type", "application/json"))
    request = Request(method="POST", url=url, headers=headers, body=msgspec.json.encode({"query": query}))
    try:
        return await outbound.send(request, seconds=_SECONDS, cap=LARGEST)
    except SendFailed as fault:
        mend = "Add its host to outbound_allow if it is yours." if fault.failure == "address_refused" else _BY_FILE
        raise invalid(f"its schema could not be asked for ({fault.failure})", mend) from None
