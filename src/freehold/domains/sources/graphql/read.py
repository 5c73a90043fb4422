"""Bytes of a GraphQL schema, SDL or the JSON of an introspection, to one schema. Fetches nothing.

Real schemas break rules of the specification (GitHub's defines fields twice), so only what cannot be built is refused."""

from typing import Final, cast

import msgspec
from graphql import GraphQLError, GraphQLSchema, build_ast_schema, build_client_schema, parse

from freehold.core.refusals import Refusal
from freehold.domains.sources.openapi.document import mapping

LARGEST: Final = 16 * 1024 * 1024
_TOKENS: Final = 1_500_000
"""Words of SDL; a schema of a large company has a fifth of that."""
_SHOWN: Final = 200
_MEND: Final = "Give the schema as SDL, or as the JSON an introspection query answers."
_FAULTS: Final = (GraphQLError, TypeError, ValueError, KeyError, AttributeError, RecursionError)
"""What the builder raises, knowing no hostile schema."""


def read(data: bytes, *, cap: int = LARGEST) -> GraphQLSchema:
    """The schema, or `Refusal("document_invalid")`. `cap` is in bytes."""
    if len(data) > cap:
        raise invalid(f"it is larger than {cap} bytes", "Leave out of the schema what agents do not need.")
    start = data.removeprefix(b"\xef\xbb\xbf")[:4096].lstrip()
    if start.startswith(b"<"):
        raise invalid("it is a web page or XML", "Give the schema itself, or the endpoint's address.")
    try:
        schema = _from_json(data) if start.startswith(b"{") else _from_sdl(data)
    except RecursionError:
        raise invalid("it is nested too deeply", _MEND) from None
    except _FAULTS as fault:
        raise invalid(f"it is no GraphQL schema ({_short(fault)})", _MEND) from None
    if schema.query_type is None and schema.mutation_type is None:
        raise invalid("it has neither queries nor mutations", "Check that it is the whole schema.")
    return schema


def invalid(why: str, mend: str) -> Refusal:
    """The refusal of a whole schema."""
    return Refusal("document_invalid", why=why, mend=mend)


def _from_sdl(data: bytes) -> GraphQLSchema:
    document = parse(data.decode("utf-8-sig"), no_location=True, max_tokens=_TOKENS)
    return build_ast_schema(document, assume_valid=True, assume_valid_sdl=True)


def _from_json(data: bytes) -> GraphQLSchema:
    answer = mapping(msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf")))
    return build_client_schema(cast("dict[str, object]", answer.get("data") or answer), assume_valid=True)  # pyright: ignore[reportArgumentType]  any JSON: the builder says what is wrong


def _short(fault: BaseException) -> str:
    said = fault.message if isinstance(fault, GraphQLError) else str(fault)
    return " ".join(said.split())[:_SHOWN] or type(fault).__name__
