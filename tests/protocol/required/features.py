"""What 2026-07-28 asks of tools, resources, prompts, completion, lists, caching, progress and log messages."""

from typing import Final

from tests.protocol.required.requirement import Requirement, Source

_TOOLS = Source("2026-07-28", "server/tools")
_RESOURCES = Source("2026-07-28", "server/resources")
_PROMPTS = Source("2026-07-28", "server/prompts")
_COMPLETION = Source("2026-07-28", "server/utilities/completion")
_PAGES = Source("2026-07-28", "server/utilities/pagination")
_CACHING = Source("2026-07-28", "server/utilities/caching")
_LOGGING = Source("2026-07-28", "server/utilities/logging")
_PROGRESS = Source("2026-07-28", "basic/utilities/progress")
_CANCELLATION = Source("2026-07-28", "basic/utilities/cancellation")
_TIMEOUTS = Source("2026-07-28", "basic/patterns")

TOOL: Final[tuple[Requirement, ...]] = (
    _TOOLS.must("TOOL-01", "Capabilities", "A server with tools says so.", "test_discovery.py::test_what_is_advertised_is_served"),
    _TOOLS.should(
        "TOOL-02",
        "Listing Tools",
        "The order of tools/list stays the same.",
        "test_discovery.py::test_lists_do_not_depend_on_what_was_asked_before",
    ),
    _TOOLS.should(
        "TOOL-03",
        "Tool Names",
        "Names are unique, 1 to 128 of A-Z a-z 0-9 _ . -.",
        "test_tools.py::test_tools_are_listed_with_what_a_client_needs",
    ),
    _TOOLS.must(
        "TOOL-04", "Tool", "An input schema is an object of type object.", "test_tools.py::test_tools_are_listed_with_what_a_client_needs"
    ),
    _TOOLS.may("TOOL-05", "Tool", "Annotations say what a tool does.", "test_tools.py::test_hints_say_what_a_tool_does"),
    _TOOLS.must(
        "TOOL-06",
        "Output Schema",
        "structuredContent fits the output schema of its tool.",
        "test_tools.py::test_structured_content_fits_its_schema_and_has_a_text_copy",
    ),
    _TOOLS.should(
        "TOOL-07",
        "Structured Content",
        "Structured content comes as text too.",
        "test_tools.py::test_structured_content_fits_its_schema_and_has_a_text_copy",
    ),
    _TOOLS.must("TOOL-08", "Tool Result", "Blocks of content keep their form.", "test_tools.py::test_every_kind_of_content_keeps_its_form"),
    _TOOLS.must(
        "TOOL-09",
        "Error Handling",
        "An unknown tool is the protocol error -32602.",
        "test_tools.py::test_an_unknown_tool_is_a_protocol_error",
    ),
    _TOOLS.must(
        "TOOL-10", "Error Handling", "A malformed call is a protocol error.", "test_tools.py::test_malformed_params_are_a_protocol_error"
    ),
    _TOOLS.should(
        "TOOL-11",
        "Error Handling",
        "Input that does not fit is a result with isError that says what to mend.",
        "test_tools.py::test_arguments_that_do_not_fit_are_a_result_an_agent_can_mend",
    ),
    _TOOLS.must(
        "TOOL-12",
        "Security Considerations",
        "Inputs are validated before the tool runs.",
        "test_tools.py::test_arguments_that_do_not_fit_are_a_result_an_agent_can_mend",
    ),
    _TOOLS.must("TOOL-13", "Security Considerations", "Access is controlled.", "test_tools.py::test_access_is_checked_on_the_body"),
    _TOOLS.must(
        "TOOL-14",
        "Security Considerations",
        "Calls are limited in rate.",
        "tests/journeys/test_corridor.py::test_rate_limit_names_a_truthful_time",
    ),
    _TOOLS.must(
        "TOOL-15",
        "Security Considerations",
        "What a tool answers is bounded and cleaned; what breaks inside it stays inside.",
        "test_tools.py::test_a_tool_that_breaks_tells_nothing_of_its_inside",
    ),
    _TOOLS.may("TOOL-16", "Calling Tools", "Arguments may be left out.", "test_tools.py::test_arguments_may_be_left_out"),
    _TOOLS.must("TOOL-17", "Calling Tools", "Numbers keep their value.", "test_tools.py::test_numbers_arrive_as_they_were_written"),
    _TOOLS.must(
        "TOOL-18",
        "JSON Schema",
        "A `$ref` into the network is never followed, and without it nothing is let through.",
        "tests/unit/test_functions.py::test_a_given_schema_that_cannot_be_held_to_is_refused",
        "tests/unit/test_openapi_schemas.py::test_a_remote_reference_skips_its_operation_only",
    ),
)

RES: Final[tuple[Requirement, ...]] = (
    _RESOURCES.must(
        "RES-01",
        "Listing Resources",
        "Resources have a URI and a name, templates a URI template; each is in its own list.",
        "test_resources.py::test_resources_and_templates_are_listed_apart",
    ),
    _RESOURCES.must(
        "RES-02", "Resource Contents", "Contents are text, or bytes in base64.", "test_resources.py::test_text_and_bytes_are_read"
    ),
    _RESOURCES.must(
        "RES-03",
        "Resource Templates",
        "A URI that fits a template is read by its values.",
        "test_resources.py::test_a_template_is_read_by_its_values",
    ),
    _RESOURCES.must(
        "RES-04",
        "Error Handling",
        "An unknown resource is -32602 with its URI, never an empty answer.",
        "test_resources.py::test_an_unknown_resource_is_an_error_that_names_it",
    ),
    _RESOURCES.must(
        "RES-05",
        "Security Considerations",
        "URIs are validated.",
        "test_resources.py::test_a_uri_must_be_text",
        "test_resources.py::test_values_that_do_not_fit_are_refused",
        "test_resources.py::test_an_unknown_resource_is_an_error_that_names_it",
    ),
    _RESOURCES.should("RES-06", "Security Considerations", "Access is controlled.", "test_resources.py::test_resources_need_their_scopes"),
)

PROMPT: Final[tuple[Requirement, ...]] = (
    _PROMPTS.must(
        "PROMPT-01",
        "Listing Prompts",
        "Prompts are listed with their arguments.",
        "test_prompts.py::test_prompts_are_listed_with_their_arguments",
    ),
    _PROMPTS.must(
        "PROMPT-02", "Getting a Prompt", "A prompt gives messages, each with a role.", "test_prompts.py::test_a_prompt_gives_messages"
    ),
    _PROMPTS.should(
        "PROMPT-03",
        "Error Handling",
        "An unknown prompt, or a required argument that is missing, is -32602.",
        "test_prompts.py::test_a_prompt_that_cannot_be_made_is_an_error",
    ),
    _PROMPTS.should(
        "PROMPT-04",
        "Implementation Considerations",
        "Arguments are validated before use.",
        "test_prompts.py::test_a_prompt_that_cannot_be_made_is_an_error",
    ),
    _PROMPTS.must("PROMPT-05", "Security", "Access is controlled.", "test_prompts.py::test_prompts_need_their_scopes"),
)

COMP: Final[tuple[Requirement, ...]] = (
    _COMPLETION.must(
        "COMP-01", "Capabilities", "Without completions the method is -32601.", "test_discovery.py::test_what_is_not_advertised_is_unknown"
    ),
    _COMPLETION.must(
        "COMP-02",
        "Requesting Completions",
        "Arguments of prompts and templates complete, in view of those given.",
        "test_prompts.py::test_arguments_complete",
    ),
    _COMPLETION.must(
        "COMP-03",
        "Completion Results",
        "At most a hundred values come, with how many there are.",
        "test_prompts.py::test_at_most_a_hundred_values_are_told",
    ),
    _COMPLETION.should(
        "COMP-04",
        "Error Handling",
        "An unknown or malformed reference is -32602.",
        "test_prompts.py::test_what_cannot_be_completed_is_an_error",
    ),
    _COMPLETION.must(
        "COMP-05", "Security", "Nothing is disclosed to who may not have it.", "test_prompts.py::test_completion_discloses_nothing"
    ),
    _COMPLETION.must("COMP-06", "Security", "Completions are limited in rate.", "test_prompts.py::test_completions_are_limited_in_rate"),
)

PAGE: Final[tuple[Requirement, ...]] = (
    _PAGES.must(
        "PAGE-01",
        "Response Format",
        "Cursors lead through the whole list, once; the last page has none.",
        "test_pagination.py::test_pages_together_are_the_list",
        "test_pagination.py::test_a_legacy_client_pages_too",
    ),
    _PAGES.must("PAGE-02", "Pagination Model", "Cursors are opaque.", "test_pagination.py::test_cursors_are_opaque"),
    _PAGES.should(
        "PAGE-03",
        "Error Handling",
        "A cursor that was not given out is -32602; the empty string is such a cursor.",
        "test_pagination.py::test_a_changed_cursor_is_refused",
        "test_pagination.py::test_a_cursor_has_one_alphabet",
        "test_pagination.py::test_a_cursor_serves_its_own_list_and_tenant_only",
        "test_envelope.py::test_no_invented_cursor_opens_a_page",
    ),
    _PAGES.should(
        "PAGE-04", "Implementation Guidelines", "Cursors stay good, at any replica.", "test_pagination.py::test_any_replica_opens_a_cursor"
    ),
)

CACHE: Final[tuple[Requirement, ...]] = (
    _CACHING.must(
        "CACHE-01",
        "Caching hints",
        "Discovery, the four lists and reads carry ttlMs and cacheScope; nothing else does.",
        "test_caching.py::test_hints_are_on_cacheable_results_only",
    ),
    _CACHING.must("CACHE-02", "cacheScope", "What varies by caller is private.", "test_caching.py::test_what_varies_by_caller_is_private"),
    _CACHING.must(
        "CACHE-03",
        "Multi round-trip requests",
        "A result that asks carries no hints.",
        "test_caching.py::test_a_result_that_asks_has_no_hints",
    ),
    _CACHING.must(
        "CACHE-04", "Pagination", "All pages of a list have one cacheScope.", "test_pagination.py::test_every_page_has_the_same_cache_scope"
    ),
)

PROG: Final[tuple[Requirement, ...]] = (
    _PROGRESS.must(
        "PROG-01",
        "Behavior Requirements",
        "Progress names the token of an active request, and grows.",
        "test_streams.py::test_progress_precedes_the_result_and_only_grows",
    ),
    _PROGRESS.must(
        "PROG-02",
        "Behavior Requirements",
        "Nothing comes after the result.",
        "test_streams.py::test_progress_precedes_the_result_and_only_grows",
    ),
    _PROGRESS.must(
        "PROG-03",
        "Progress Flow",
        "Without a token there is no progress.",
        "test_streams.py::test_a_call_that_says_nothing_is_answered_in_json",
    ),
    _PROGRESS.should(
        "PROG-04",
        "Implementation Notes",
        "Progress is limited in rate.",
        "test_streams.py::test_progress_is_limited_in_rate",
    ),
)

LOG: Final[tuple[Requirement, ...]] = (
    _LOGGING.must(
        "LOG-01",
        "Log levels",
        "Messages come only with a level in the request, of that level or graver, on its own stream.",
        "test_streams.py::test_log_messages_are_of_the_asked_level_or_graver",
    ),
    _LOGGING.must(
        "LOG-02", "Log levels", "Without a level there are none.", "test_streams.py::test_a_call_that_says_nothing_is_answered_in_json"
    ),
    _LOGGING.should("LOG-03", "Error Handling", "An unknown level is -32602.", "test_streams.py::test_an_unknown_log_level_is_refused"),
)

CANCEL: Final[tuple[Requirement, ...]] = (
    _CANCELLATION.must(
        "CANCEL-01", "HTTP", "Closing the stream cancels the request.", "test_streams.py::test_closing_the_stream_cancels_the_request"
    ),
    _TIMEOUTS.should(
        "CANCEL-02",
        "Timeouts",
        "Every call has a time limit that an operator can set.",
        "tests/journeys/test_openapi_source.py::test_an_api_that_hangs_meets_the_deadline",
    ),
)
