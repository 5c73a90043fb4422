"""One frozen Settings, read once from freehold.toml and FREEHOLD_* (and *_FILE for secrets).

Known to the street and the roof only. Unknown keys and unsafe combinations stop the start with a sentence that says the mend."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from freehold.granting import SHIPPED_SCOPES, ClientSettings, IssuerSettings, ScopeSettings
from freehold.kit.errors import Misconfigured

PREFIX: Final = "FREEHOLD_"
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

_MASTER_KEY_DIGITS: Final = 64
_SHORTEST_SECRET: Final = 16
_HEADER: Final = re.compile(r"(?i)(?!(?:host|content-length|content-type|accept|connection|transfer-encoding|mcp-.*)$)[a-z0-9-]{1,64}")
"""Of a source's own headers: those of the connection and of the protocol are not the operator's."""
_HEADER_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_SHORTEST_API_TOKEN: Final = 32
_NOT_SETTINGS: Final = frozenset({"FREEHOLD_CONFIG", "FREEHOLD_TEST_POSTGRES", "FREEHOLD_TEST_REDIS"})
"""Variables with our prefix that mean something elsewhere."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class PlanSettings(_Frozen):
    """A plan customers can be on."""

    calls_per_day: Annotated[int, Field(ge=0)] | None = None
    """Calls a UTC day may hold; leave out for no quota."""
    per_second: Annotated[float, Field(gt=0)] | None = None
    """Sustained calls a second for the whole tenant; leave out for no rate limit."""
    burst: Annotated[int, Field(ge=1)] = 50
    """Calls that may come at once."""


class SourceSettings(_Frozen):
    """Where tools come from: exactly one of `openapi`, `graphql`, `mcp` and `python`."""

    openapi: str | None = None
    """Path (beside freehold.toml) or URL of an OpenAPI document."""
    graphql: str | None = None
    """Path or URL of a GraphQL schema (SDL or introspection JSON), or the URL of the endpoint, which is then introspected."""
    mcp: str | None = None
    """URL of another MCP server's endpoint (Streamable HTTP) whose tools, resources and prompts are offered under this source's name."""
    python: str | None = None
    """`package.module:name` of a `freehold.Freehold` whose tools are offered."""
    base_url: str | None = None
    """Where the API answers; without it, the document's first server, or the GraphQL endpoint that was introspected."""
    audience: str | None = None
    """Audience of the service tokens sent to this API; without it, the base URL's origin."""
    headers: dict[str, SecretStr] = {}
    """Headers for every request to an MCP server, `Authorization = "Bearer ..."`: your own credential there."""
    trusted: bool = False
    """Believe what an MCP server says of its tools (read-only, idempotent...); otherwise each is taken for one that may destroy."""
    relay_questions: bool = False
    """Pass the questions of an MCP server (forms, sampling, roots) on to the caller's client; otherwise the server may ask nothing."""
    scopes: dict[str, tuple[str, ...]] = {}
    """Scopes a tool needs, by tool name, in place of the default for its kind."""
    overlays: tuple[str, ...] = ()
    """Paths or URLs of OpenAPI overlays (Overlay 1.0) applied to the OpenAPI document, in this order, at every start and refresh."""
    resources: dict[str, str] = {}
    """Operations of an OpenAPI document to offer as resources, too: tool name -> URI template, `get_invoice = "invoice://{invoiceId}"`."""
    operations: str | None = None
    """File or folder (beside freehold.toml) of `.graphql` documents whose named operations are tools of a GraphQL source, too."""
    operations_only: bool = False
    """Whether those operations are all its tools, and the schema's own fields none."""
    max_nodes: Annotated[int, Field(ge=1)] = 10_000
    """Nodes one GraphQL call may come to (page sizes multiplied); a call that could be more is refused before it is sent."""


SHIPPED_PLANS: Final = {
    "free": PlanSettings(calls_per_day=100, per_second=10, burst=100),
    "pro": PlanSettings(calls_per_day=10_000, per_second=50, burst=200),
    "enterprise": PlanSettings(per_second=500, burst=1_000),
}


class Settings(_Frozen):
    """Everything an operator can say."""

    name: str = "freehold"
    """Server name that clients show; a slug."""
    title: str = "Freehold"
    """The product's name as people read it."""
    instructions: str = ""
    """A few sentences for the model about what this product is good for."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port to listen on; 0 takes a free one."""
    public_url: str = ""
    """Address clients use, `https://mcp.example.com`; empty means `http://HOST:PORT`, for this machine only."""
    data_dir: Path = Path(".freehold")
    """Where the SQLite database and the master key live, beside freehold.toml."""
    database_url: SecretStr = SecretStr("")
    """`postgresql://user@host/db`; empty means SQLite in data_dir."""
    state_url: SecretStr = SecretStr("memory:")
    """`memory:` for one process, `redis://host` (or Valkey) for many."""
    master_key: SecretStr = SecretStr("")
    """64 hex digits; empty means `master.key` in data_dir, made at the first start."""
    migrate_on_start: bool | None = None
    """Bring the schema up to date when serving; unset means only on SQLite."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names answered beside the public one."""
    allowed_origins: tuple[str, ...] = ()
    """Web origins whose pages may call, beside the public one."""
    outbound_allow: tuple[str, ...] = ()
    """Hosts (`host`, `host:port`) this server may reach although they are private or on an unusual port: your own API."""
    body_cap: Annotated[int, Field(ge=1_024)] = 1_048_576
    """Bytes of one request body."""
    answer_cap: Annotated[int, Field(ge=1_024)] = 262_144
    """Bytes of text, and of structured content, one tool answer may have."""
    upstream_cap: Annotated[int, Field(ge=1_024)] = 4_194_304
    """Bytes of an API's answer read before it is refused."""
    call_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    """How long one tool call may take."""
    answer_seconds: Annotated[float, Field(gt=0, le=3600)] = 300.0
    """How long a tool's question to a 2025-revision client may wait for its answer, beside `call_seconds`."""
    task_seconds: Annotated[float, Field(gt=0, le=86_400)] = 3_600.0
    """How long a call may take that has become a task; what it came to can be got that long after its creation, and an hour more."""
    tasks_per_caller: Annotated[int, Field(ge=1)] = 20
    """Tasks one caller may have running."""
    export_rows: Annotated[int, Field(ge=1)] = 50_000
    """Rows one export may have."""
    export_cap: Annotated[int, Field(ge=1_024)] = 8_388_608
    """Bytes of an export's file, and of the records read for it."""
    export_seconds: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    """How long an export may read pages; one that is no task has `call_seconds`, like any call."""
    export_page_seconds: Annotated[float, Field(gt=0, le=600)] = 15.0
    """How long one page of an export may take."""
    export_keep_seconds: Annotated[float, Field(gt=0, le=86_400)] = 900.0
    """How long an export's file can be read by who made it."""
    exports_per_caller: Annotated[int, Field(ge=1)] = 10
    """Exports one caller may have kept at a time."""
    stream_cap: Annotated[int, Field(ge=1)] = 5_000
    """Streams one process keeps open for clients; one tenant may hold a quarter of them, one caller 64."""
    source_in_flight: Annotated[int, Field(ge=1)] = 256
    """Calls one source may have in flight; one tenant may hold half of them."""
    page_size: Annotated[int, Field(ge=1)] = 1_000
    """Tools on one page of tools/list."""
    catalog_tokens: Annotated[int, Field(ge=1_000)] | None = None
    """Tokens tools/list may take (four bytes each); more tools than fit are found with search_tools. Unset lists everything."""
    catalog_first: tuple[str, ...] = ()
    """Tools to list before all others when catalog_tokens bounds the list; `freehold catalog compile --usage 30` proposes them."""
    catalog_tags: tuple[str, ...] = ()
    """Areas of the API (tags of its document) whose tools may be listed when catalog_tokens bounds the list; empty means all."""
    catalog_kinds: tuple[Literal["reads", "writes", "destroys"], ...] = ()
    """Kinds of tools that may be listed when catalog_tokens bounds the list; empty means all. The others are found by searching."""
    pin_new: Literal["approve", "allow"] = "approve"
    """What becomes of a tool that a connected server did not have when it was imported: a person approves it first, or it is offered."""
    sunset_days: Annotated[int, Field(ge=0, le=3_650)] = 90
    """How long an earlier version of a tool stays beside its successor after a document changed so that calls of it would break."""
    boundary: bool = True
    """Put a tool's text between lines that mark it as data."""
    ledger_durability: Literal["process", "power"] = "process"
    """What an acknowledged call survives on SQLite: the process being killed, or the power failing (slower)."""
    api_token: SecretStr = SecretStr("")
    """Bearer token for the administrative HTTP API under /api/v1, at least 32 characters; empty means there is no such API."""
    metrics_token: SecretStr = SecretStr("")
    """Bearer token for /metrics; empty means only callers on this machine may read it."""
    otlp_endpoint: str = ""
    """OpenTelemetry collector, `http://host:4318/v1/traces`; empty means no traces."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe log line written."""
    drain_seconds: Annotated[float, Field(ge=0)] = 25.0
    """How long calls in flight may take to finish after SIGTERM."""
    default_plan: str = "free"
    """Plan of a tenant created without one."""
    plans: dict[str, PlanSettings] = SHIPPED_PLANS
    """Plans by name; naming any replaces the shipped ones."""
    sources: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")], SourceSettings] = {}
    """Sources by name."""
    issuers: dict[str, IssuerSettings] = {}
    """External authorization servers by a name of your choice."""
    sign_in: Literal["password", "off"] = "password"
    """How users sign in here to connect an agent; `off` leaves all of it to the external authorization servers."""
    registration: bool = True
    """Let clients register themselves (RFC 7591), as most can do nothing else; those with a metadata document never need to."""
    scopes: dict[Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,128}$")], ScopeSettings] = SHIPPED_SCOPES
    """Scopes that users can give away; naming any replaces the shipped ones."""
    clients: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")], ClientSettings] = {}
    """Clients you vouch for, by client_id."""
    color: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] = "#2747c7"
    """Colour of the sign-in and consent pages, `#rrggbb`, dark enough to be read on white."""
    proxy_hops: Annotated[int, Field(ge=0, le=8)] = 0
    """Reverse proxies in front that add the caller's address to X-Forwarded-For; 0 means nobody's word is taken for it."""
    folder: Path = Field(default=Path(), exclude=True)
    """Folder of freehold.toml; relative paths are beside it."""

    @property
    def base(self) -> str:
        """The public address without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url.rstrip("/") or f"http://{host}:{self.port}"

    @property
    def resource(self) -> str:
        """This server's canonical resource identifier (RFC 8707): the MCP endpoint's public address."""
        return f"{self.base}/mcp"

    @property
    def data(self) -> Path:
        """The data folder as an absolute path."""
        return (self.folder / self.data_dir).resolve()

    @property
    def key_file(self) -> Path:
        """Where the master key is kept when none is given."""
        return self.data / "master.key"

    @property
    def database(self) -> str:
        """The database's URL, embedded default filled in."""
        return self.database_url.get_secret_value() or f"sqlite:///{self.data / 'freehold.db'}"

    def at(self, location: str) -> str:
        """A source's location with relative paths made absolute."""
        return location if "://" in location else str((self.folder / location).resolve())


def load(path: Path | None, environment: Mapping[str, str] | None = None, **given: object) -> Settings:
    """Read, check and freeze. Options in `given` win over the environment (the process's own unless given), that over the file.

    Raises `Misconfigured` with one sentence per fault.
    """
    variables = _environment(os.environ if environment is None else environment)
    values = _file(path) | variables | {key: value for key, value in given.items() if value is not None}
    values["folder"] = path.parent.resolve() if path is not None else Path.cwd()
    try:
        settings = Settings.model_validate(values)
    except ValidationError as fault:
        raise Misconfigured(_sentences(fault, path)) from None
    faults = unsafe(settings)
    if faults:
        raise Misconfigured(" ".join(faults))
    return settings


def _file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Misconfigured(f"There is no {path}. Make one with `freehold init --openapi FILE|URL`.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise Misconfigured(f"{path} cannot be read: {fault}. Correct it and start again.") from None


def _environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Scalars and lists (comma-separated) by their upper-case names; `FREEHOLD_X_FILE` names a file that holds X."""
    values: dict[str, Any] = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable in _NOT_SETTINGS:
            continue
        key, value = variable[len(PREFIX) :].lower(), text
        if key.endswith("_file"):
            key, value = key.removesuffix("_file"), _secret(variable, Path(text))
        field = Settings.model_fields.get(key)
        if field is None or key == "folder":
            raise Misconfigured(f"{variable} is not a setting. See docs/settings.md for the names there are.")
        values[key] = _listed(value) if "tuple" in str(field.annotation) else value
    return values


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _secret(variable: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "not UTF-8 text"
        raise Misconfigured(f"{variable} names {path}, which cannot be read ({why}). Check the path and its permissions.") from None


def _sentences(fault: ValidationError, path: Path | None) -> str:
    where = f"{path}" if path is not None else "The configuration"
    said: list[str] = []
    for error in fault.errors(include_input=False, include_url=False):
        key = ".".join(str(part) for part in error["loc"])
        if error["type"] == "extra_forbidden":
            said.append(f"{where}: there is no setting {key!r}. Remove it, or see docs/settings.md for the names there are.")
        else:
            said.append(f"{where}: {key}: {error['msg'][:1].lower()}{error['msg'][1:]}.")
    return " ".join(said)


def unsafe(settings: Settings) -> list[str]:
    """Combinations that must not start, each as what is wrong and the mend."""
    said = [*_addresses(settings), *_plans(settings), *_catalog(settings)]
    key = settings.master_key.get_secret_value()
    if key and (len(key) != _MASTER_KEY_DIGITS or not all(character in "0123456789abcdefABCDEF" for character in key)):
        said.append("master_key must be 64 hex digits. Make one with `openssl rand -hex 32`.")
    for name, source in settings.sources.items():
        said += _source(name, source)
    for name, issuer in settings.issuers.items():
        if urlsplit(issuer.issuer).scheme != "https" and urlsplit(issuer.issuer).hostname not in LOOPBACK:
            said.append(f"issuers.{name}.issuer must be an https address. Tokens from a plain http issuer can be forged on the way.")
        asked = urlsplit(issuer.introspection.url) if issuer.introspection is not None else None
        if asked is not None and asked.scheme != "https" and asked.hostname not in LOOPBACK:
            said.append(f"issuers.{name}.introspection.url must be an https address. Tokens and your secret would travel in the clear.")
    api_token = settings.api_token.get_secret_value()
    if api_token and (len(api_token) < _SHORTEST_API_TOKEN or not api_token.isascii() or not api_token.isprintable() or " " in api_token):
        said.append("api_token must be at least 32 printable ASCII characters without spaces. Make one with `openssl rand -hex 32`.")
    if settings.metrics_token.get_secret_value() and len(settings.metrics_token.get_secret_value()) < _SHORTEST_SECRET:
        said.append("metrics_token is too short to be a secret. Use at least 16 characters.")
    return said


def _addresses(settings: Settings) -> list[str]:
    try:
        public = urlsplit(settings.base)
        _ = public.port
    except ValueError as fault:
        return [f"public_url is not an address ({fault}). Write scheme and host only, like https://mcp.example.com."]
    if public.scheme not in {"http", "https"} or not public.hostname or public.query or public.fragment or public.path not in {"", "/"}:
        return ["public_url must be scheme and host only, like https://mcp.example.com."]
    if settings.host not in LOOPBACK and not settings.public_url:
        return [
            f"host {settings.host} is reachable from elsewhere, but public_url is not set. Set public_url to the https address clients use."
        ]
    if public.scheme == "http" and public.hostname not in LOOPBACK:
        return ["public_url is plain http, so tokens would travel in the clear. Put TLS in front and use an https address."]
    return []


def _source(name: str, source: SourceSettings) -> list[str]:
    if sum(place is not None for place in (source.openapi, source.graphql, source.mcp, source.python)) != 1:
        return [f"sources.{name} needs exactly one of openapi, graphql, mcp and python. Keep the one that is meant."]
    if source.resources and source.openapi is None:
        return [f"sources.{name}.resources names operations of an OpenAPI document, and there is none. Remove it."]
    return [*_mcp(name, source), *_operations(name, source)]


def _mcp(name: str, source: SourceSettings) -> list[str]:
    if source.mcp is not None and not source.mcp.startswith(("http://", "https://")):
        return [f"sources.{name}.mcp is not an address. Write the URL of the server's endpoint, https://.../mcp."]
    if source.mcp is not None and (source.base_url or source.audience):
        return [f"sources.{name} is an MCP server, which has neither base_url nor audience. Remove them; headers carry your credential."]
    if (source.headers or source.trusted or source.relay_questions) and source.mcp is None:
        return [f"sources.{name}.headers, trusted and relay_questions are for MCP servers, and this is none. Remove them."]
    if not all(_HEADER.fullmatch(one) and _HEADER_VALUE.fullmatch(value.get_secret_value()) for one, value in source.headers.items()):
        return [f"sources.{name}.headers has a name or value that no header can have. Use letters, digits and - in names, ASCII in values."]
    return []


def _operations(name: str, source: SourceSettings) -> list[str]:
    if source.operations is not None and source.graphql is None:
        return [f"sources.{name}.operations are GraphQL, and the source is not. Remove it, or name the schema in graphql."]
    if source.operations_only and source.operations is None:
        return [f"sources.{name}.operations_only leaves no tools without operations. Name their file or folder in operations."]
    return []


def _catalog(settings: Settings) -> list[str]:
    if settings.catalog_tokens is None and (settings.catalog_first or settings.catalog_tags or settings.catalog_kinds):
        return ["catalog_first, catalog_tags and catalog_kinds mean nothing without catalog_tokens. Set it, or remove them."]
    return []


def _plans(settings: Settings) -> list[str]:
    if settings.default_plan not in settings.plans:
        return [f"default_plan {settings.default_plan!r} is not one of the plans. Use one of: {', '.join(settings.plans)}."]
    return []
