"""What the handshake revisions ask of the same endpoint: 2025-11-25, 2025-06-18 and 2025-03-26."""

from typing import Final

from tests.protocol.required.requirement import Requirement, Source

_LIFECYCLE = Source("2025-x", "basic/lifecycle")
_TRANSPORTS = Source("2025-11-25", "basic/transports")
_EVERY = Source("2025-x", "basic/transports")
_BATCHES = Source("2025-03-26", "basic/index")
_LATER = Source("2025-06-18", "changelog")

LEG_INIT: Final[tuple[Requirement, ...]] = (
    _LIFECYCLE.must(
        "LEG-INIT-01",
        "Version Negotiation",
        "A revision we speak is answered with itself.",
        "test_legacy.py::test_initialize_answers_with_the_revision_asked_for",
        "test_door.py::test_initialize",
    ),
    _LIFECYCLE.must(
        "LEG-INIT-02",
        "Version Negotiation",
        "Any other revision is answered with our newest.",
        "test_legacy.py::test_initialize_answers_another_revision_with_the_newest",
    ),
    _LIFECYCLE.must(
        "LEG-INIT-03",
        "Initialization",
        "An initialize without a version is refused.",
        "test_legacy.py::test_initialize_without_a_version_is_refused",
    ),
    _LIFECYCLE.must(
        "LEG-INIT-04",
        "Capability Negotiation",
        "What is advertised is served, in every revision.",
        "test_legacy.py::test_every_method_is_served",
        "test_discovery.py::test_what_is_advertised_is_served",
    ),
    _LIFECYCLE.should(
        "LEG-INIT-05",
        "Initialization",
        "Requests before or without a handshake are served by their version header.",
        "test_legacy.py::test_requests_without_a_session_are_served_too",
    ),
    Source("2025-x", "basic/utilities/ping").must(
        "LEG-INIT-06",
        "Behavior Requirements",
        "ping is answered at once with an empty result.",
        "test_legacy.py::test_every_method_is_served",
    ),
    Source("2025-x", "schema").must(
        "LEG-INIT-07",
        "Results",
        "Results carry nothing of 2026-07-28.",
        "test_legacy.py::test_every_method_is_served",
        "test_door.py::test_legacy_results_carry_nothing_modern",
        "test_caching.py::test_legacy_results_have_no_hints",
    ),
    Source("2025-x", "schema").must(
        "LEG-INIT-08",
        "Methods",
        "Methods of 2026-07-28 are unknown.",
        "test_discovery.py::test_methods_that_came_later_are_unknown_before",
    ),
    Source("2025-x", "server/tools").must(
        "LEG-INIT-09",
        "Structured Content",
        "structuredContent and output schemas are objects.",
        "test_legacy.py::test_structured_content_is_an_object_or_absent",
    ),
    Source("2025-x", "server/resources").should(
        "LEG-INIT-10", "Error Handling", "An unknown resource is -32002.", "test_resources.py::test_a_legacy_client_gets_the_code_it_knows"
    ),
)

LEG_HTTP: Final[tuple[Requirement, ...]] = (
    _TRANSPORTS.must(
        "LEG-HTTP-01",
        "Protocol Version Header",
        "An unsupported version header is 400.",
        "test_legacy.py::test_an_unsupported_version_header_is_400",
        "test_discovery.py::test_header_and_body_decide_the_era_together",
    ),
    _TRANSPORTS.should(
        "LEG-HTTP-02",
        "Protocol Version Header",
        "Without one 2025-03-26 is assumed.",
        "test_legacy.py::test_requests_without_a_session_are_served_too",
        "test_legacy.py::test_batches_are_bounded",
    ),
    _EVERY.must(
        "LEG-HTTP-03",
        "Session Management",
        "404 means a dead session and nothing else.",
        "test_legacy.py::test_errors_never_look_like_a_dead_session",
        "test_discovery.py::test_methods_that_came_later_are_unknown_before",
    ),
    _EVERY.must(
        "LEG-HTTP-04",
        "Sending Messages",
        "Notifications and responses are 202 without a body.",
        "test_envelope.py::test_notifications_get_202_and_nothing_else",
        "test_sessions.py::test_a_question_is_a_request_on_the_calls_stream",
    ),
    _EVERY.must(
        "LEG-HTTP-05",
        "Listening for Messages",
        "GET is an event stream for who accepts one, and else 405.",
        "test_sessions.py::test_the_get_stream_tells_of_changed_lists",
        "test_sessions.py::test_get_without_a_stream_in_mind_is_405",
        "test_get_stream.py::test_there_is_no_stream_without_a_session",
        "test_get_stream.py::test_what_changed_since_the_session_began_is_told_at_once",
    ),
    _EVERY.should(
        "LEG-HTTP-06",
        "Sending Messages",
        "A closed connection is no cancellation.",
        "tests/journeys/test_real_client.py::test_closing_does_not_end_a_call_of_yesterday",
    ),
    _EVERY.may(
        "LEG-HTTP-07",
        "Resumability",
        "Streams can be resumed.",
        deviation="Events have no ids: keeping them for a client that may come back anywhere would be the session store there is not.",
    ),
    Source("2025-x", "basic/utilities/cancellation").should(
        "LEG-HTTP-08",
        "Behavior Requirements",
        "notifications/cancelled stops the call it names, in its own session only.",
        "test_sessions.py::test_a_client_cancels_its_own_call_by_a_message",
        "test_back_channel.py::test_a_cancelled_call_asks_no_longer",
    ),
    Source("2025-x", "basic/utilities/progress").must(
        "LEG-HTTP-09",
        "Behavior Requirements",
        "Progress and log messages come on the call's stream, before its result.",
        "test_legacy.py::test_progress_and_messages_come_before_the_result",
    ),
    _LATER.must(
        "LEG-HTTP-10",
        "Headers",
        "Headers of 2026-07-28 decide nothing here.",
        "test_headers.py::test_legacy_calls_need_no_mirrored_arguments",
    ),
)

LEG_SESS: Final[tuple[Requirement, ...]] = (
    _EVERY.must(
        "LEG-SESS-01",
        "Session Management",
        "A session id is visible ASCII.",
        "test_legacy.py::test_initialize_answers_with_the_revision_asked_for",
    ),
    _EVERY.should(
        "LEG-SESS-02",
        "Session Management",
        "Ids are unique and cannot be guessed.",
        "test_sessions.py::test_ids_are_unlike_each_other_and_unreadable",
    ),
    _EVERY.must(
        "LEG-SESS-03",
        "Session Management",
        "An unknown, ended or outlived session is 404.",
        "test_sessions.py::test_an_id_that_was_not_given_is_404",
        "test_sessions.py::test_no_invented_session_is_served",
        "test_sessions.py::test_a_session_that_was_ended_is_404",
        "test_sessions.py::test_an_old_session_is_404",
        "test_get_stream.py::test_the_stream_of_an_ended_session_ends",
        "test_get_stream.py::test_a_stream_does_not_outlive_its_session",
    ),
    Source("2025-x", "basic/security_best_practices").must(
        "LEG-SESS-04",
        "Session Hijacking",
        "A session is no credential, and is bound to its user.",
        "test_sessions.py::test_a_session_is_no_credential",
        "test_get_stream.py::test_a_strange_session_gets_no_stream",
    ),
    _EVERY.may(
        "LEG-SESS-05", "Session Management", "Any replica serves any session.", "test_sessions.py::test_a_session_works_at_any_replica"
    ),
    Source("2025-x", "server/resources").must(
        "LEG-SESS-06",
        "Subscriptions",
        "Updates of a resource reach who subscribed to it, until it unsubscribes.",
        "test_sessions.py::test_a_subscribed_resource_is_told_of",
        "test_get_stream.py::test_a_resource_may_be_watched_and_change_anywhere",
    ),
)

LEG_ASK: Final[tuple[Requirement, ...]] = (
    Source("2025-11-25", "client/elicitation").must(
        "LEG-ASK-01",
        "Creating Elicitation Requests",
        "A question is a request on the call's stream, its answer a POST.",
        "test_sessions.py::test_a_question_is_a_request_on_the_calls_stream",
        "test_sessions.py::test_each_kind_of_question_is_asked",
    ),
    Source("2025-x", "basic/lifecycle").must(
        "LEG-ASK-02",
        "Operation",
        "A client is asked only what it declared when it initialized.",
        "test_sessions.py::test_a_client_is_asked_only_what_it_declared",
    ),
    Source("2025-11-25", "client/elicitation").may(
        "LEG-ASK-03",
        "URL Elicitation Required Error",
        "Where nobody can be asked, -32042 names the page to open.",
        "test_sessions.py::test_without_a_session_a_page_to_open_is_an_error_that_names_it",
    ),
    Source("2025-x", "client/elicitation").should(
        "LEG-ASK-04",
        "Responses",
        "An error or malformed answer ends the call in words.",
        "test_sessions.py::test_an_answer_that_is_none_ends_the_call_in_words",
        "test_back_channel.py::test_an_answer_that_never_comes_ends_the_call_in_words",
        "test_back_channel.py::test_ending_the_session_gives_the_call_up",
    ),
    Source("2025-x", "basic/security_best_practices").must(
        "LEG-ASK-05",
        "Session Hijacking",
        "Only the session that was asked can answer.",
        "test_sessions.py::test_an_answer_of_somebody_else_changes_nothing",
        "test_back_channel.py::test_nobody_else_answers_at_another_replica_either",
        "test_back_channel.py::test_only_the_first_answer_counts",
    ),
    _EVERY.must(
        "LEG-ASK-06",
        "Multiple Connections",
        "An answer finds its call from any replica.",
        "test_sessions.py::test_an_answer_may_reach_another_replica",
        "test_back_channel.py::test_any_replica_takes_the_answer",
        "test_back_channel.py::test_a_client_that_goes_away_may_still_answer",
    ),
    Source("2025-x", "basic/lifecycle").should(
        "LEG-ASK-07",
        "Timeouts",
        "Waiting for the client's answer has a limit of its own and does not use up the call's.",
        "test_back_channel.py::test_waiting_for_an_answer_does_not_count",
        "test_back_channel.py::test_an_answer_that_never_comes_ends_the_call_in_words",
    ),
)

LEG_BATCH: Final[tuple[Requirement, ...]] = (
    _BATCHES.must(
        "LEG-BATCH-01",
        "Batching",
        "An array is taken, and answered by one.",
        "test_legacy.py::test_a_batch_is_answered_message_by_message",
        "test_legacy.py::test_a_batch_of_notifications_is_accepted",
    ),
    Source("2025-03-26", "basic/lifecycle").must(
        "LEG-BATCH-02", "Initialization", "initialize is never part of a batch.", "test_legacy.py::test_initialize_stands_alone"
    ),
    _BATCHES.may("LEG-BATCH-03", "Batching", "Batches are bounded.", "test_legacy.py::test_batches_are_bounded"),
    _LATER.must(
        "LEG-BATCH-04", "Batching removed", "From 2025-06-18 on an array is 400.", "test_legacy.py::test_later_revisions_have_no_batches"
    ),
)
