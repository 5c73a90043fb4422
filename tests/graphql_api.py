"""A shop with a GraphQL API, executed by graphql-core, that keeps every request it saw."""

import json
from dataclasses import dataclass, field
from typing import Any

from graphql import DocumentNode, ExecutionResult, GraphQLError, Visitor, build_schema, execute, parse, validate, visit
from graphql.language import FieldNode
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SDL = '''
"""An order of the shop."""
type Order implements Thing { note: String, total: Float!, name: String!, id: ID!, secret(key: String!): String, old: String @deprecated
  customer: Customer, items: [Item!]!, history(first: Int): OrderConnection, state: State! }
type Customer { email: String, id: ID!, orders: [Order!]! }
type Item { sku: String!, count: Int! }
interface Thing { id: ID! }
type Parcel implements Thing { id: ID!, weight: Float!, name: String }
union Hit = Order | Parcel
enum State { OPEN CLOSED OLD @deprecated }
type PageInfo { hasNextPage: Boolean!, endCursor: String, hasPreviousPage: Boolean! }
type OrderConnection { nodes: [Order!]!, edges: [OrderEdge], pageInfo: PageInfo!, totalCount: Int! }
type OrderEdge { cursor: String!, node: Order }
scalar Money
input Line { sku: String!, count: Int = 1 }
input NewOrder { "What to print on it." name: String!, note: String, lines: [Line!], state: State, clientMutationId: String, paid: Money }
input By @oneOf { id: ID, name: String }
type NewOrderPayload { order: Order, clientMutationId: String }
type Query {
  "One order,<br>by its id."
  order(id: ID!): Order
  orders(first: Int, after: String, state: State): OrderConnection!
  search(text: String!, limit: Int! = 2): [Hit!]!
  find(by: By!): Order
  orderCount: Int!
  broken: Order
  part: Order
  nothing: Order @deprecated(reason: "Use order.")
}
type Mutation { createOrder(input: NewOrder!): NewOrderPayload!, orderDelete(id: ID!): Boolean, order_count: Int }
type Subscription { orderPlaced: Order }
'''


@dataclass
class Shop:
    """What the API answers, and what it was asked."""

    closed: bool = False
    """Whether it refuses to be introspected."""
    without_one_of: bool = False
    """Whether it is older than @oneOf."""
    page: Response | None = None
    """What it answers to everything, in place of GraphQL."""
    seen: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        """The API at /graphql/, and its SDL as a file."""
        sdl = Route("/schema.graphql", lambda _: Response(SDL))
        return Starlette(routes=[Route("/graphql/", self.answer, methods=["POST"]), sdl])

    async def answer(self, request: Request) -> Response:
        """Remember, then execute."""
        body = json.loads(await request.body())
        self.seen.append((dict(request.headers.items()), body))
        return self.page or JSONResponse(self._executed(parse(body["query"]), body.get("variables")))

    def _executed(self, document: DocumentNode, variables: dict[str, Any] | None) -> dict[str, Any]:
        schema = build_schema(SDL)
        forbidden = [*(["__schema"] if self.closed else []), *(["isOneOf"] if self.without_one_of else [])]
        faults = [
            *validate(schema, document),
            *(GraphQLError(f"{name} is not allowed.") for name in forbidden if name in fields_of(document)),
        ]
        if faults:
            return {"errors": [fault.formatted for fault in faults]}
        made = execute(schema, document, root_value=ROOT, variable_values=variables)
        assert isinstance(made, ExecutionResult)
        return dict(made.formatted)


def fields_of(document: DocumentNode) -> set[str]:
    """The names of all fields that are asked for."""
    found: set[str] = set()

    class Names(Visitor):
        def enter_field(self, node: FieldNode, *_: Any) -> None:
            found.add(node.name.value)

    visit(document, Names())
    return found


def order(number: str, **more: Any) -> dict[str, Any]:
    """An order as its resolvers want it."""
    items = [{"sku": "a", "count": 2}]
    return {"__typename": "Order", "id": number, "name": f"Order {number}", "total": 1.5, "state": "OPEN", "items": items, **more}


def fail(said: str, **extensions: Any) -> Any:
    """A resolver that cannot."""

    def resolver(*_: Any, **__: Any) -> None:
        raise GraphQLError(said, extensions=extensions)

    return resolver


def orders(_: Any, first: int = 3, after: str | None = None, **_more: Any) -> dict[str, Any]:
    """A page of a hundred orders."""
    begin = int(after or 0)
    page = {"hasNextPage": begin + first < 100, "endCursor": str(begin + first), "hasPreviousPage": begin > 0}
    return {"nodes": [order(str(number)) for number in range(begin, begin + first)], "pageInfo": page, "totalCount": 100}


ROOT: dict[str, Any] = {
    "order": lambda _, id: None if id == "0" else order(id, customer={"id": "c", "email": "ann@example.com"}),  # noqa: A006  the schema's word
    "orders": orders,
    "search": lambda _, text, limit: [order(text), {"__typename": "Parcel", "id": "p", "weight": 2.0, "name": None}][:limit],
    "find": lambda _, by: order(by.get("id", "1")),
    "orderCount": 7,
    "broken": fail("The orders are being counted.", code="BUSY"),
    "part": order("9", customer=fail("Customers are for managers only.")),
    "createOrder": lambda _, **given: {"order": order("10", name=given["input"]["name"], note=json.dumps(given["input"], sort_keys=True))},
    "orderDelete": lambda *_, **__: True,
}
