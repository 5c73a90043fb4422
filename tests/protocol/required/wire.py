"""What 2026-07-28 asks of every message: JSON-RPC, per-request metadata, HTTP, mirrored headers, versions."""

from typing import Final

from tests.protocol.required.requirement import Requirement, Source

_BASE = Source("2026-07-28", "basic/index")
_PATTERNS = Source("2026-07-28", "basic/patterns")
_HTTP = Source("2026-07-28", "basic/transports/streamable-http")
_VERSIONS = Source("2026-07-28", "basic/versioning")
_DISCOVER = Source("2026-07-28", "server/discover")
_TOOLS = Source("2026-07-28", "server/tools")
_MALFORMED = "test_door.py::test_malformed_bodies_are_400_and_run_nothing"
_ANYTHING = ("test_envelope.py::test_nothing_malformed_gets_through", "test_envelope.py::test_no_parameters_break_a_method")

WIRE: Final[tuple[Requirement, ...]] = (
    _BASE.must("WIRE-01", "Messages", "A body is one JSON-RPC 2.0 message in UTF-8; anything else is refused.", _MALFORMED, *_ANYTHING),
    _BASE.must("WIRE-02", "Requests", "A request id is a string or an integer, never null.", _MALFORMED),
    _BASE.must(
        "WIRE-03", "Responses", "A response carries the id of its request, with its type.", "test_door.py::test_ids_come_back_as_they_were"
    ),
    _BASE.must(
        "WIRE-04",
        "Responses",
        "An error carries the id too, unless it could not be read; then the member is left out.",
        "test_envelope.py::test_errors_carry_the_readable_id",
        "test_envelope.py::test_errors_without_readable_id_leave_it_out",
    ),
    _BASE.must(
        "WIRE-05",
        "Responses",
        "An error has a whole number for a code and a message.",
        "test_envelope.py::test_errors_carry_the_readable_id",
    ),
    _BASE.must(
        "WIRE-06", "Notifications", "A notification is never answered.", "test_envelope.py::test_notifications_get_202_and_nothing_else"
    ),
    _PATTERNS.must("WIRE-07", "Directions", "Clients send no responses and no arrays of messages; both are refused.", _MALFORMED),
    _PATTERNS.must(
        "WIRE-08", "Directions", "The server sends no requests to a client.", "test_mrtr.py::test_no_request_is_sent_to_a_modern_client"
    ),
    _BASE.must(
        "WIRE-09",
        "Results",
        "Every result has `resultType`, one of the core's or of an extension that was declared.",
        "test_metadata.py::test_every_result_says_what_it_is_and_who_answers",
        "test_metadata.py::test_refused_calls_say_who_answers_too",
    ),
    _BASE.must("WIRE-10", "Results", "Members nobody knows are tolerated.", "test_envelope.py::test_unknown_members_are_tolerated"),
    _BASE.must(
        "WIRE-11",
        "Error codes",
        "No code of our own lies in the range kept for the specification or among those of old.",
        "test_envelope.py::test_error_codes_are_those_of_the_specification",
    ),
    _BASE.must(
        "WIRE-12",
        "Error codes",
        "-32002 and -32042 do not appear in this revision.",
        "test_resources.py::test_an_unknown_resource_is_an_error_that_names_it",
    ),
)

META: Final[tuple[Requirement, ...]] = (
    _BASE.must(
        "META-01",
        "_meta",
        "A request without the protocol version or the client's capabilities is -32602 and HTTP 400.",
        "test_metadata.py::test_required_metadata_must_be_there_and_whole",
        "test_metadata.py::test_a_request_without_params_lacks_its_metadata",
        "test_door.py::test_missing_metadata",
    ),
    _BASE.should("META-02", "_meta", "A request without clientInfo is served.", "test_metadata.py::test_client_info_changes_nothing"),
    _BASE.must("META-03", "_meta", "clientInfo decides nothing.", "test_metadata.py::test_client_info_changes_nothing"),
    _BASE.must(
        "META-04",
        "_meta",
        "Capabilities count for the request that declares them and are never inferred from another one.",
        "test_metadata.py::test_capabilities_count_for_their_own_request_only",
    ),
    _BASE.should(
        "META-05",
        "_meta",
        "Every result says in `_meta` which server answered, and nowhere else.",
        "test_metadata.py::test_every_result_says_what_it_is_and_who_answers",
        "test_metadata.py::test_refused_calls_say_who_answers_too",
    ),
    _BASE.must("META-06", "_meta", "Keys nobody knows are tolerated.", "test_metadata.py::test_unknown_metadata_is_tolerated"),
    _BASE.may("META-07", "_meta", "Malformed trace context is no error.", "test_metadata.py::test_unknown_metadata_is_tolerated"),
)

HTTP: Final[tuple[Requirement, ...]] = (
    _HTTP.must(
        "HTTP-01",
        "Security",
        "A web origin that is not ours is refused with 403, a valid token or not.",
        "test_door.py::test_foreign_origins_are_403",
    ),
    _HTTP.must(
        "HTTP-02",
        "Security",
        "Our own origins pass.",
        "test_door.py::test_own_origins_pass",
        "test_door.py::test_a_page_of_an_allowed_origin_can_speak_with_us",
    ),
    _HTTP.should("HTTP-03", "Security", "A host name that is not ours is refused.", "test_door.py::test_foreign_hosts_are_refused"),
    _HTTP.should(
        "HTTP-18",
        "Security",
        "A local server without credentials can be reached from this machine only.",
        "tests/conformance/test_fixture.py::test_it_is_never_reachable_from_elsewhere",
        "tests/conformance/test_fixture.py::test_it_needs_no_credential_and_records_every_call",
    ),
    _HTTP.must(
        "HTTP-04",
        "Sending Messages",
        "A request is answered with one JSON object or with an event stream.",
        "test_streams.py::test_a_call_that_says_nothing_is_answered_in_json",
        "test_streams.py::test_progress_precedes_the_result_and_only_grows",
    ),
    _HTTP.should(
        "HTTP-05",
        "Sending Messages",
        "The response is the last event, and the stream ends with it.",
        "test_streams.py::test_progress_precedes_the_result_and_only_grows",
    ),
    _HTTP.must(
        "HTTP-06",
        "Sending Messages",
        "An accepted notification is 202 with an empty body.",
        "test_envelope.py::test_notifications_get_202_and_nothing_else",
    ),
    _HTTP.must(
        "HTTP-07",
        "Sending Messages",
        "A client that closes a request's stream has cancelled it.",
        "test_streams.py::test_closing_the_stream_cancels_the_request",
        "tests/journeys/test_real_client.py::test_giving_up_ends_a_call",
    ),
    _HTTP.should(
        "HTTP-08",
        "Sending Messages",
        "What was cancelled is stopped, up to the API behind it.",
        "tests/journeys/test_openapi_source.py::test_a_client_that_goes_away_cancels_the_upstream_request",
    ),
    _HTTP.should(
        "HTTP-09",
        "Sending Messages",
        "Event streams ask proxies not to buffer them.",
        "test_streams.py::test_what_an_event_stream_looks_like",
    ),
    _HTTP.should(
        "HTTP-19",
        "Event streams",
        "A call's stream that is silent for long shows that it lives.",
        "test_streams.py::test_a_waiting_call_shows_that_it_lives",
    ),
    _HTTP.must(
        "HTTP-10", "Event streams", "Events carry no ids and cannot be resumed.", "test_streams.py::test_what_an_event_stream_looks_like"
    ),
    _HTTP.should(
        "HTTP-11",
        "Earlier revisions",
        "Session ids and Last-Event-ID are ignored on a request of this revision, and none are given out.",
        "test_streams.py::test_sessions_and_resumption_are_ignored",
        "test_door.py::test_discover",
    ),
    _HTTP.should("HTTP-12", "Earlier revisions", "GET and DELETE of this revision are 405.", "test_door.py::test_other_http_methods"),
    _HTTP.may("HTTP-13", "Sending Messages", "Accept is read liberally.", "test_streams.py::test_accept_is_read_liberally"),
    _HTTP.may("HTTP-14", "Sending Messages", "Only application/json is read, uncompressed.", "test_door.py::test_media_types"),
    _HTTP.may("HTTP-15", "Sending Messages", "A body over the bound is 413.", "test_door.py::test_body_cap"),
    _HTTP.must(
        "HTTP-16", "The endpoint", "There is one path; no other spelling of it answers.", "test_door.py::test_paths_have_one_spelling"
    ),
    _HTTP.may(
        "HTTP-17",
        "Sending Messages",
        "A posted notifications/cancelled stops no request: ids can be guessed.",
        "test_streams.py::test_a_posted_cancellation_stops_nobody_elses_request",
    ),
)

HDR: Final[tuple[Requirement, ...]] = (
    _HTTP.must(
        "HDR-01",
        "Server Validation",
        "MCP-Protocol-Version equals the version in `_meta`; missing or different is 400 and -32020.",
        "test_headers.py::test_the_version_is_compared_before_it_is_judged",
        "test_door.py::test_headers_must_repeat_the_body",
    ),
    _HTTP.must(
        "HDR-02", "Server Validation", "Mcp-Method equals the method of the body.", "test_door.py::test_headers_must_repeat_the_body"
    ),
    _HTTP.must(
        "HDR-03",
        "Server Validation",
        "Mcp-Name equals what tools/call, prompts/get and resources/read name.",
        "test_headers.py::test_name_is_required_where_something_is_named",
        "test_headers.py::test_methods_that_name_nothing_need_no_name",
        "test_tasks.py::test_the_name_header_must_repeat_the_task",
    ),
    _HTTP.must(
        "HDR-04",
        "Request Metadata",
        "Header names count in any case, their values do not.",
        "test_headers.py::test_names_are_case_insensitive_and_values_are_not",
    ),
    _HTTP.must(
        "HDR-05",
        "Request Metadata",
        "White space around a value is no part of it.",
        "test_door.py::test_header_values_are_trimmed_and_base64_is_read",
        "test_headers.py::test_name_is_required_where_something_is_named",
    ),
    _HTTP.must(
        "HDR-06",
        "Value Encoding",
        "The base64 form is decoded before it is compared.",
        "test_headers.py::test_a_name_that_needs_the_base64_form_is_compared_decoded",
        "test_door.py::test_header_values_are_trimmed_and_base64_is_read",
    ),
    _HTTP.must("HDR-07", "Value Encoding", "A malformed base64 form is refused.", "test_headers.py::test_the_base64_form_is_read_strictly"),
    _HTTP.may(
        "HDR-08",
        "Server Validation",
        "A routing header given twice is refused, even when both copies are right.",
        "test_headers.py::test_a_routing_header_given_twice_is_refused",
        "test_door.py::test_duplicate_routing_header_is_refused",
    ),
    _HTTP.must(
        "HDR-09",
        "Server Validation",
        "Metadata is checked before headers, headers before the method.",
        "test_headers.py::test_metadata_is_checked_before_headers",
        "test_headers.py::test_headers_are_checked_before_the_method",
    ),
    _HTTP.should(
        "HDR-10",
        "Intermediaries",
        "Mirrored headers on a request of a revision without them are never trusted.",
        "test_door.py::test_mirrored_headers_cannot_ride_on_an_old_version",
    ),
    _HTTP.must(
        "HDR-11",
        "Custom Headers from Tool Parameters",
        "An argument its tool mirrors must come as Mcp-Param header and equal it.",
        "test_headers.py::test_mirrored_arguments_that_agree_are_accepted",
        "test_headers.py::test_mirrored_arguments_that_differ_are_refused",
    ),
    _HTTP.must(
        "HDR-12",
        "Custom Headers from Tool Parameters",
        "For an absent or null argument no header is expected.",
        "test_headers.py::test_an_argument_that_is_absent_has_no_header",
    ),
    _HTTP.should(
        "HDR-13", "Value Encoding", "Integers are compared by value.", "test_headers.py::test_mirrored_arguments_that_agree_are_accepted"
    ),
    _HTTP.must(
        "HDR-14",
        "Custom Headers from Tool Parameters",
        "A Mcp-Param header that no tool declares is ignored.",
        "test_headers.py::test_mirrored_arguments_that_agree_are_accepted",
    ),
    _HTTP.must(
        "HDR-15",
        "Value Encoding",
        "A declared Mcp-Param header with invalid characters is refused.",
        "test_headers.py::test_mirrored_arguments_that_differ_are_refused",
        "test_headers.py::test_a_mirrored_argument_given_twice_is_refused",
    ),
    _TOOLS.must(
        "HDR-16",
        "x-mcp-header",
        "A schema is listed with its annotations, word for word.",
        "test_headers.py::test_schemas_are_listed_as_they_were_given",
    ),
    _TOOLS.should(
        "HDR-17",
        "x-mcp-header",
        "Secrets and personal data are not mirrored.",
        deviation="Whoever writes a tool's schema decides what it mirrors; Freehold adds no annotation of its own.",
    ),
)

VER: Final[tuple[Requirement, ...]] = (
    _DISCOVER.must(
        "VER-01",
        "Result",
        "server/discover tells versions, capabilities and instructions.",
        "test_door.py::test_discover",
        "test_discovery.py::test_instructions_are_told_when_there_are_some",
    ),
    _VERSIONS.must(
        "VER-02",
        "Version negotiation",
        "A version that is not served is 400 and -32022 with what is supported and what was asked for.",
        "test_door.py::test_versions",
        "test_discovery.py::test_versions_agree_wherever_they_are_named",
    ),
    _VERSIONS.must(
        "VER-03",
        "Backward Compatibility",
        "Header and body decide the era together; nothing is downgraded silently.",
        "test_discovery.py::test_header_and_body_decide_the_era_together",
    ),
    _HTTP.must(
        "VER-04",
        "Errors",
        "A method that is not implemented, also one removed, is 404 and -32601.",
        "test_discovery.py::test_methods_that_are_gone_answer_404",
        "test_door.py::test_methods_of_the_other_era_are_unknown",
    ),
    _VERSIONS.must("VER-05", "Capabilities", "What is advertised is served.", "test_discovery.py::test_what_is_advertised_is_served"),
    _VERSIONS.must(
        "VER-06", "Capabilities", "What is not advertised answers -32601.", "test_discovery.py::test_what_is_not_advertised_is_unknown"
    ),
    _BASE.must(
        "VER-07",
        "Statelessness",
        "Lists vary neither by connection nor by what was asked before.",
        "test_discovery.py::test_lists_do_not_depend_on_what_was_asked_before",
    ),
    _HTTP.must(
        "VER-08",
        "Errors",
        "A question the client did not declare it can answer is 400 and -32021, naming the capability as an object.",
        "test_mrtr.py::test_a_client_is_asked_only_what_it_declared",
    ),
    _BASE.must(
        "VER-09",
        "Extensions",
        "A result of an extension goes only to who declared it on this request.",
        "test_tools.py::test_a_task_parameter_is_ignored",
    ),
)

_AUTHORIZATION = Source("2026-07-28", "basic/authorization")
_DOCUMENT = "tests/unit/test_resource_metadata.py::"

RS: Final[tuple[Requirement, ...]] = (
    _AUTHORIZATION.must(
        "RS-01",
        "Protected Resource Metadata",
        "The metadata document (RFC 9728) is served and names an authorization server.",
        _DOCUMENT + "test_the_document_says_what_rfc_9728_and_mcp_ask_for",
        "tests/journeys/test_described.py::test_the_metadata_a_client_is_sent_to_is_there",
    ),
    _AUTHORIZATION.must(
        "RS-02",
        "Error Handling",
        "A missing or invalid token is 401, its challenge names the metadata.",
        "test_door.py::test_challenges",
        _DOCUMENT + "test_who_presents_nothing_is_told_where_to_go_and_of_no_error",
        _DOCUMENT + "test_an_invalid_credential_is_told_no_more_than_that",
    ),
    _AUTHORIZATION.should(
        "RS-03",
        "Scope Challenge",
        "Too few scopes are 403, the challenge names all that the operation takes.",
        "test_tools.py::test_access_is_checked_on_the_body",
        _DOCUMENT + "test_missing_scopes_are_named_all_at_once",
    ),
    _AUTHORIZATION.must(
        "RS-04",
        "Token Requirements",
        "A token counts in the Authorization header only, and in its one form.",
        "test_door.py::test_token_in_the_address_is_no_credential",
        "test_door.py::test_malformed_authorization",
    ),
    _AUTHORIZATION.must(
        "RS-05",
        "Token Handling",
        "The credential is judged before anything of the body.",
        "test_door.py::test_identity_comes_before_the_body",
        "tests/conformance/test_fixture.py::test_the_open_door_is_the_fixture_s_alone",
    ),
)
