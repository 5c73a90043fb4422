"""The fields a document asks for, fragments in their place. For operations that are valid for their schema, and only for those."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from freehold.domains.sources.graphql.kinds import Named, fields


class Asked(NamedTuple):
    """A field of a document and what the schema says of it."""

    node: FieldNode
    field: GraphQLField

    @property
    def key(self) -> str:
        """Under which its value comes back."""
        return self.node.alias.value if self.node.alias else self.node.name.value


class Walk:
    """The way through one operation."""

    def __init__(
        self, schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode] | None = None
    ) -> None:
        """`fragments`: those of the document by name."""
        self._schema = schema
        self._operation = operation
        self._fragments = fragments or {}

    def roots(self) -> Iterator[Asked]:
        """The root fields."""
        root = self._schema.get_root_type(self._operation.operation)
        return self.asked(self._operation.selection_set, root) if root is not None else iter(())

    def asked(self, chosen: SelectionSetNode | None, kind: Named) -> Iterator[Asked]:
        """Fields of a selection on a type; `__typename` is none."""
        for node in chosen.selections if chosen is not None else ():
            if isinstance(node, FieldNode):
                field = fields(kind).get(node.name.value)
                if field is not None:
                    yield Asked(node, field)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                yield from self.asked(fragment.selection_set, self._type(fragment.type_condition.name.value))
            elif isinstance(node, InlineFragmentNode):
                yield from self.asked(node.selection_set, self._type(node.type_condition.name.value) if node.type_condition else kind)

    def _type(self, name: str) -> Named:
        return cast("Named", self._schema.type_map[name])
