"""What a function's annotations say: the schemas an agent sees, and how JSON values become arguments and an answer becomes JSON.

Needs pydantic, so it is imported when a tool is registered and not before."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, get_type_hints

from msgspec import Struct
from pydantic import ConfigDict, Field, PydanticUserError, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from freehold.core.refusals import Refusal

_PLAIN: Final = (str, float, bool)
"""Annotations whose JSON values are passed on as they are. Not int: to JSON Schema 5.0 is an integer too."""
_KINDS: Final = "plain types, Literal, enums, dates, dataclasses, TypedDict of typing_extensions and pydantic models"

Convert = Callable[[dict[str, Any]], Mapping[str, Any]]


class Signature(Struct, frozen=True, kw_only=True):
    """One function, read."""

    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    arguments: Convert | None
    """Turns JSON values into the annotated types, or raises `Refusal`; None when they are the same."""
    injected: str | None
    """Name of the parameter that is no argument."""
    result: Callable[[Any], Any] | None
    """Turns the returned value into JSON values; None when text or nothing was declared."""


def read(function: Callable[..., Any], *, name: str, injected: type) -> Signature:
    """Read the annotations. A parameter of exactly the type `injected` is not an argument.

    Raises ValueError with a sentence that names what cannot be an argument of a tool.
    """
    hints, parameters = _annotated(function, name)
    handed = [key for key in parameters if hints.get(key) is injected]
    asked = {key: one for key, one in parameters.items() if key not in handed[:1]}
    for key, one in asked.items():
        if key not in hints or one.kind in {one.VAR_POSITIONAL, one.VAR_KEYWORD, one.POSITIONAL_ONLY}:
            raise ValueError(f"Parameter {key!r} of {name} needs a type annotation and must be a plain named one.")
    try:
        schema, convert = _arguments(name, asked, hints)
        output, result = _returned(hints.get("return", Any))
    except PydanticUserError as fault:
        why = str(fault).partition("\n")[0]
        raise ValueError(f"The annotations of {name} cannot become a schema. Use {_KINDS}. ({why})") from None
    return Signature(input_schema=schema, output_schema=output, arguments=convert, injected=next(iter(handed), None), result=result)


def _annotated(function: Callable[..., Any], name: str) -> tuple[dict[str, Any], Mapping[str, inspect.Parameter]]:
    try:
        return get_type_hints(function, include_extras=True), inspect.signature(function).parameters
    except NameError as fault:
        raise ValueError(f"An annotation of {name} names {fault.name!r}, which its module does not have. Import it there.") from None
    except TypeError:
        raise ValueError(f"{name} has no annotations of its own. Offer a plain function or a method.") from None


def _arguments(name: str, asked: Mapping[str, inspect.Parameter], hints: Mapping[str, Any]) -> tuple[dict[str, Any], Convert | None]:
    """Fields are numbered and carry the parameter's name as alias: a model has names of its own that a parameter may have too."""
    names = {f"field{at}": key for at, key in enumerate(asked)}
    fields: dict[str, Any] = {field: _field(key, asked[key].default, hints[key]) for field, key in names.items()}
    model = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
    schema = _tidied(model.model_json_schema(schema_generator=_Schemas))
    schema.setdefault("properties", {})
    filled = {field for field, key in names.items() if isinstance(asked[key].default, FieldInfo)}
    if not filled and all(hints[key] in _PLAIN for key in asked):
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


def _returned(annotation: Any) -> tuple[dict[str, Any] | None, Callable[[Any], Any] | None]:
    if annotation in (str, None, type(None)):
        return None, None
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    dump = functools.partial(_dumped, adapter)
    if annotation is Any:
        return None, dump
    schema = _tidied(adapter.json_schema(mode="serialization", schema_generator=_Schemas))
    return (schema if schema.get("type") == "object" else None), dump


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
