"""What a function's annotations say: the schemas an agent sees, and how JSON values become arguments and an answer becomes JSON.

Needs pydantic, so it is imported when a tool is registered and not before."""

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from copy import deepcopy
from typing import Annotated, Any, Final, get_args, get_type_hints

from msgspec import Struct
from pydantic import ConfigDict, Field, PydanticUserError, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from freehold.core.content import CONTENT
from freehold.core.refusals import Refusal

PLAIN: Final = (str, float, bool)
"""Annotations whose JSON values are passed on as they are. Not int: to JSON Schema 5.0 is an integer too."""
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_KINDS: Final = "plain types, Literal, enums, dates, dataclasses, TypedDict of typing_extensions and pydantic models"

Convert = Callable[[dict[str, Any]], Mapping[str, Any]]


class Signature(Struct, frozen=True, kw_only=True):
    """One function, read."""

    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    arguments: Convert | None
    """Turns JSON values into the annotated types, or raises `Refusal`; None when they are the same."""
    injected: Mapping[type, str]
    """By type, the name of the parameter that is no argument."""
    result: Callable[[Any], Any] | None
    """Turns the returned value into JSON values; None when text or nothing was declared."""
    content: bool
    """Whether what it returns may be content instead."""


def read(
    function: Callable[..., Any],
    *,
    name: str,
    injected: Collection[type],
    content: Collection[type] = CONTENT,
    plain: Collection[type] = PLAIN,
    given: dict[str, Any] | None = None,
) -> Signature:
    """Read the annotations. The first parameter of exactly a type of `injected` is not an argument.

    `content` are the classes it may return instead of a JSON value; `plain` the annotations whose values arrive as they are.
    With `given` the input schema is that one, and the function takes all arguments as one dict named `arguments`.
    Raises ValueError with a sentence that names what cannot be an argument of a tool.
    """
    hints, parameters = _annotated(function, name)
    handed = {kind: key for key in reversed(list(parameters)) for kind in injected if hints.get(key) is kind}
    asked = {key: one for key, one in parameters.items() if key not in handed.values()}
    for key, one in asked.items():
        if key not in hints or one.kind in {one.VAR_POSITIONAL, one.VAR_KEYWORD, one.POSITIONAL_ONLY}:
            raise ValueError(f"Parameter {key!r} of {name} needs a type annotation and must be a plain named one.")
    try:
        schema, convert = _arguments(name, asked, hints, plain) if given is None else _verbatim(name, given, asked)
        output, result, may_be_content = _returned(hints.get("return", Any), content)
    except PydanticUserError as fault:
        why = str(fault).partition("\n")[0]
        raise ValueError(f"The annotations of {name} cannot become a schema. Use {_KINDS}. ({why})") from None
    return Signature(input_schema=schema, output_schema=output, arguments=convert, injected=handed, result=result, content=may_be_content)


def _verbatim(name: str, given: dict[str, Any], asked: Mapping[str, Any]) -> tuple[dict[str, Any], Convert]:
    """The given schema, checked: of type object, of the one dialect, and without references to elsewhere."""
    if list(asked) != ["arguments"]:
        raise ValueError(f"With input_schema, {name} takes one parameter, `arguments: dict[str, Any]`, beside Caller and Context.")
    if given.get("type") != "object" or given.get("$schema", _DIALECT) not in {_DIALECT, f"{_DIALECT}#"}:
        raise ValueError(f"The input_schema of {name} must be JSON Schema 2020-12 of type object. Leave $schema out if it is.")
    import jsonschema_rs

    try:
        jsonschema_rs.Draft202012Validator(given, offline=True)
    except ValueError as fault:
        why = str(fault).partition("\n")[0]
        raise ValueError(f"The input_schema of {name} is not valid, or refers to something outside itself: {why}.") from None
    return deepcopy(given), _as_one


def _as_one(arguments: dict[str, Any]) -> Mapping[str, Any]:
    return {"arguments": arguments}


def _annotated(function: Callable[..., Any], name: str) -> tuple[dict[str, Any], Mapping[str, inspect.Parameter]]:
    try:
        return get_type_hints(function, include_extras=True), inspect.signature(function).parameters
    except NameError as fault:
        raise ValueError(f"An annotation of {name} names {fault.name!r}, which its module does not have. Import it there.") from None
    except TypeError:
        raise ValueError(f"{name} has no annotations of its own. Offer a plain function or a method.") from None


def _arguments(
    name: str, asked: Mapping[str, inspect.Parameter], hints: Mapping[str, Any], plain: Collection[type]
) -> tuple[dict[str, Any], Convert | None]:
    """Fields are numbered and carry the parameter's name as alias: a model has names of its own that a parameter may have too."""
    names = {f"field{at}": key for at, key in enumerate(asked)}
    fields: dict[str, Any] = {field: _field(key, asked[key].default, hints[key]) for field, key in names.items()}
    model = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
    schema = _tidied(model.model_json_schema(schema_generator=_Schemas))
    schema.setdefault("properties", {})
    filled = {field for field, key in names.items() if isinstance(asked[key].default, FieldInfo)}
    if not filled and all(hints[key] in plain for key in asked):
        return schema, None

    def convert(arguments: dict[str, Any]) -> Mapping[str, Any]:
        try:
            made = model.model_validate(arguments)
        except ValidationError as fault:
            raise Refusal("invalid_arguments", why=_why(fault)) from None
        return {names[field]: getattr(made, field) for field in made.model_fields_set | filled}

    return schema, convert


def _field(key: str, default: Any, hint: Any) -> tuple[Any, Any]:
    if isinstance(default, FieldInfo):
        return Annotated[hint, default], Field(alias=key)
    return hint, Field(... if default is inspect.Parameter.empty else default, alias=key)


def _why(fault: ValidationError) -> str:
    """The parameter and pydantic's name of the rule. What the schema minds was checked before; neither repeats a value."""
    first = fault.errors(include_input=False, include_url=False, include_context=False)[0]
    return f"{first['loc'][0]} is not valid ({first['type']})"


def _returned(annotation: Any, content: Collection[type]) -> tuple[dict[str, Any] | None, Callable[[Any], Any] | None, bool]:
    """The output schema, what makes JSON values of it, and whether it may be content: where that is so, nothing is promised."""
    if annotation in (str, None, type(None)):
        return None, None, False
    open_to_all = annotation is Any or _names(annotation, content)
    adapter: TypeAdapter[Any] = TypeAdapter(Any if open_to_all else annotation)
    dump = functools.partial(_dumped, adapter)
    if open_to_all:
        return None, dump, True
    schema = _tidied(adapter.json_schema(mode="serialization", schema_generator=_Schemas))
    return (schema if schema.get("type") == "object" else None), dump, False


def _names(annotation: Any, kinds: Collection[type]) -> bool:
    """Whether an annotation names one of the kinds, however deep."""
    return annotation in kinds or any(_names(one, kinds) for one in get_args(annotation))


def _dumped(adapter: TypeAdapter[Any], value: Any) -> Any:
    """As the annotation promises: a row or a dict becomes the model it stands for; what cannot raises, and the tool has failed."""
    return adapter.dump_python(adapter.validate_python(value, from_attributes=True), mode="json", warnings="error")


class _Schemas(GenerateJsonSchema):
    """Without titles derived from names, which cost tokens and say nothing. JSON has no NaN, so a returned float may be null."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def float_schema(self, schema: core_schema.FloatSchema) -> dict[str, Any]:
        made = super().float_schema(schema)
        return {**made, "type": ["number", "null"]} if self.mode == "serialization" else made


def _tidied(schema: dict[str, Any]) -> dict[str, Any]:
    """Without the names of classes as titles."""
    for one in (schema, *schema.get("$defs", {}).values()):
        one.pop("title", None)
    return schema
