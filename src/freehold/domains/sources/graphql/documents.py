"""An operator's own GraphQL operations: files with named operations and fragments, each checked against the schema.

A broken one is refused with its file and line; what they become is `persisted.py`'s."""

import dataclasses
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    Source,
    TokenKind,
    Visitor,
    parse,
    print_ast,
    strip_ignored_characters,
    validate,
    visit,
)

from freehold.core.refusals import Refusal

LARGEST: Final = 4 * 1024 * 1024
"""Bytes of all documents together."""
_FILES: Final = 1_000
_TOKENS: Final = 200_000
_SUFFIXES: Final = frozenset({".graphql", ".gql"})
_SHOWN: Final = 300


class Text(NamedTuple):
    """One document as it lies in its file; `file` is how sentences name it."""

    file: str
    text: str


class Documents(NamedTuple):
    """All documents of a source. Fragments of one may be used in another."""

    texts: tuple[Text, ...]


class Operation(NamedTuple):
    """A named operation that is valid for the schema."""

    node: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    """Those it uses, and those that they use."""
    file: str

    @property
    def name(self) -> str:
        """As its document says it."""
        return self.node.name.value if self.node.name else ""

    @property
    def description(self) -> str:
        """Its description, or the comment right above it."""
        return self.node.description.value if self.node.description else "\n".join(_comments(self.node))

    @property
    def sent(self) -> str:
        """What is sent: the operation and its fragments, without anything said about them (servers may not know descriptions)."""
        variables = tuple(dataclasses.replace(one, description=None) for one in self.node.variable_definitions or ())
        bare = dataclasses.replace(self.node, description=None, variable_definitions=variables)
        used = (dataclasses.replace(one, description=None) for one in self.fragments.values())
        return strip_ignored_characters(print_ast(DocumentNode(definitions=(bare, *used))))


def read_documents(place: str) -> Documents:
    """The documents in a file, or in a folder and those below it in the order of their names. Raises `Refusal`."""
    root = Path(place)
    try:
        files = [root] if root.is_file() else sorted(islice(_below(root), _FILES + 1))
        if not files or len(files) > _FILES:
            raise refused(str(root), f"there are {'no' if not files else f'more than {_FILES}'} .graphql files", "Name a file or a folder.")
        return Documents(tuple(_read(file, root) for file in files))
    except OSError as fault:
        raise refused(str(root), f"it cannot be read ({fault.strerror})", "Check the path and its permissions.") from None


def _below(root: Path) -> Iterator[Path]:
    return (file for file in root.rglob("*") if file.suffix in _SUFFIXES and file.is_file())


def _read(file: Path, root: Path) -> Text:
    said = str(file.relative_to(root.parent))
    if file.stat().st_size > LARGEST:
        raise refused(said, f"it is larger than {LARGEST} bytes", "Split it.")
    try:
        return Text(said, file.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise refused(said, "it is not UTF-8 text", "Save it as UTF-8.") from None


def checked(schema: GraphQLSchema, documents: Documents) -> Iterator[Operation]:
    """The operations in the order of their files. Raises `Refusal` for the first that is broken, has no name or one that is taken."""
    definitions = [(text.file, node) for text in documents.texts for node in _parsed(text)]
    fragments: dict[str, FragmentDefinitionNode] = {}
    names: set[str] = set()
    for file, node in definitions:
        if isinstance(node, FragmentDefinitionNode):
            if node.name.value in fragments:
                raise _at(file, node, f"there are two fragments {node.name.value}", "Give one another name.")
            fragments[node.name.value] = node
    for file, node in definitions:
        if isinstance(node, OperationDefinitionNode):
            operation = Operation(node, _used(node, fragments), file)
            if not operation.name or operation.name in names:
                why = f"there are two operations {operation.name}" if operation.name else "an operation has no name"
                raise _at(file, node, why, "Give it a name of its own: the tool is called by it.")
            names.add(operation.name)
            _validated(schema, operation)
            yield operation


def refused(where: str, why: str, mend: str) -> Refusal:
    """The refusal of one document."""
    return Refusal("document_invalid", why=f"{where}: {why}", mend=mend)


def line(node: Node) -> int:
    """The line a definition begins at."""
    return node.loc.start_token.line if node.loc else 1


def _at(file: str, node: Node, why: str, mend: str) -> Refusal:
    return refused(f"{file}:{line(node)}", why, mend)


def _parsed(text: Text) -> Iterator[Node]:
    try:
        document = parse(Source(text.text, text.file), max_tokens=_TOKENS, allow_empty_selection_sets=False)
    except GraphQLError as fault:
        raise _fault(fault, text.file) from None
    except RecursionError:
        raise refused(text.file, "it is nested too deeply", "Ask for less.") from None
    for node in document.definitions:
        if not isinstance(node, OperationDefinitionNode | FragmentDefinitionNode):
            raise _at(text.file, node, "it defines a part of a schema", "Keep operations and fragments in these documents.")
        yield node


def _used(operation: OperationDefinitionNode, fragments: dict[str, FragmentDefinitionNode]) -> dict[str, FragmentDefinitionNode]:
    """The fragments an operation comes to; a name without one is for the validation to say."""
    used: dict[str, FragmentDefinitionNode] = {}
    waiting = _spreads(operation)
    while waiting:
        name = waiting.pop(0)
        if name in fragments and name not in used:
            used[name] = fragments[name]
            waiting += _spreads(fragments[name])
    return used


def _spreads(node: Node) -> list[str]:
    found: list[str] = []

    class Spreads(Visitor):
        def enter_fragment_spread(self, spread: FragmentSpreadNode, *_: object) -> None:
            found.append(spread.name.value)

    visit(node, Spreads())
    return found


def _validated(schema: GraphQLSchema, operation: Operation) -> None:
    document = DocumentNode(definitions=(operation.node, *operation.fragments.values()))
    try:
        faults = validate(schema, document, max_errors=1, hide_suggestions=False, allow_empty_selection_sets=False)
    except RecursionError:
        raise _at(operation.file, operation.node, f"{operation.name} is nested too deeply", "Ask for less.") from None
    if faults:
        raise _fault(faults[0], operation.file)


def _fault(fault: GraphQLError, file: str) -> Refusal:
    """With the place the library found."""
    named = fault.source.name if fault.source else file
    lines = f":{fault.locations[0].line}" if fault.locations else ""
    why = " ".join(fault.message.split())[:_SHOWN].rstrip(".")
    return refused(f"{named}{lines}", why, "Correct the operation so that it fits the schema, or take it out.")


def _comments(node: Node) -> list[str]:
    """The lines of comment that end right above a definition."""
    said: list[str] = []
    token = node.loc.start_token if node.loc else None
    while token is not None and token.prev is not None and token.prev.kind is TokenKind.COMMENT and token.prev.line == token.line - 1:
        token = token.prev
        said.insert(0, (token.value or "").strip())
    return said
