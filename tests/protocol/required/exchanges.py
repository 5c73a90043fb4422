"""What 2026-07-28 asks of exchanges longer than a request: questions to the client, subscriptions, tasks; and the official suite."""

from typing import Final

from tests.protocol.required.requirement import Requirement, Source

_MRTR = Source("2026-07-28", "basic/patterns/mrtr")
_ELICITATION = Source("2026-07-28", "client/elicitation")
_SAMPLING = Source("2026-07-28", "client/sampling")
_SUBSCRIPTIONS = Source("2026-07-28", "basic/patterns/subscriptions")
_TASKS = Source("2026-07-28", "extensions/tasks")
_WIRE = "test_tasks.py::"
_ROOM = "tests/contract/test_tasks.py::"
_ROOMS = "tests/contract/test_tasks_replicas.py::"
_SUITE = "tests/conformance/test_server.py::test_the_suite_passes"

MRTR: Final[tuple[Requirement, ...]] = (
    _MRTR.must(
        "MRTR-01",
        "Server Requirements",
        "Only tools/call, prompts/get and resources/read ask.",
        "test_mrtr.py::test_resources_and_prompts_ask_too",
        "test_mrtr.py::test_other_methods_never_ask",
    ),
    _MRTR.must(
        "MRTR-02",
        "InputRequiredResult",
        "A result that asks holds questions by key, or a state; here always both.",
        "test_mrtr.py::test_a_question_ends_the_call_and_the_answer_continues_it",
        "test_mrtr.py::test_several_kinds_are_asked_at_once",
    ),
    _MRTR.must(
        "MRTR-03",
        "Server Requirements",
        "A client is asked only what it declared on this request.",
        "test_mrtr.py::test_a_client_is_asked_only_what_it_declared",
        "test_metadata.py::test_capabilities_count_for_their_own_request_only",
    ),
    _MRTR.must(
        "MRTR-04",
        "requestState",
        "A state that was tampered with is a JSON-RPC error.",
        "test_mrtr.py::test_a_state_that_was_tampered_with_is_an_error",
        "test_envelope.py::test_no_invented_state_continues_a_call",
    ),
    _MRTR.should(
        "MRTR-05",
        "requestState",
        "A state is bound to its principal, method and parameters.",
        "test_mrtr.py::test_a_state_serves_the_call_it_was_made_for_only",
    ),
    _MRTR.should("MRTR-06", "requestState", "A state expires soon.", "test_mrtr.py::test_a_state_expires"),
    _MRTR.should("MRTR-07", "requestState", "Any instance goes on from a state.", "test_mrtr.py::test_any_replica_continues_a_call"),
    _MRTR.may("MRTR-08", "requestState", "A state shows nothing of what is in it.", "test_mrtr.py::test_a_state_is_sealed"),
    _MRTR.should("MRTR-09", "Server Requirements", "Malformed answers are -32602.", "test_mrtr.py::test_malformed_answers_are_an_error"),
    _MRTR.should(
        "MRTR-10",
        "Server Requirements",
        "An answer that is missing is asked for again; one nobody asked for is ignored.",
        "test_mrtr.py::test_a_missing_answer_is_asked_for_again",
    ),
    _MRTR.may("MRTR-11", "Multiple rounds", "Rounds follow each other.", "test_mrtr.py::test_rounds_follow_each_other"),
    _MRTR.must(
        "MRTR-12",
        "requestState",
        "Where a state may be used once only, the server sees to it.",
        "test_mrtr.py::test_answers_are_acted_on_once",
    ),
)

ASK: Final[tuple[Requirement, ...]] = (
    _ELICITATION.must(
        "ASK-01",
        "Form mode",
        "A form is a flat object of plain fields.",
        "tests/unit/test_context.py::test_a_form_is_one_object_of_plain_fields",
        "tests/unit/test_context.py::test_choices_of_every_spelling_are_plain_fields",
    ),
    _ELICITATION.must("ASK-02", "Responses", "Declining and cancelling are answers.", "test_mrtr.py::test_a_client_may_say_no"),
    _ELICITATION.must(
        "ASK-03",
        "URL mode",
        "A page to open comes with message and address only.",
        "test_mrtr.py::test_a_page_to_open_carries_nothing_of_the_user",
        "tests/unit/test_context.py::test_an_address_to_open_is_a_web_address",
    ),
    _ELICITATION.must(
        "ASK-04",
        "Security",
        "State kept for a question belongs to the user who was asked.",
        "test_mrtr.py::test_a_state_serves_the_call_it_was_made_for_only",
    ),
    _ELICITATION.must(
        "ASK-05",
        "URL mode",
        "Who opens the page is the user who was asked.",
        deviation="The page is the SaaS's own and knows its users; Freehold passes its address on. `ElicitUrl` says what to check.",
    ),
    _ELICITATION.must(
        "ASK-06",
        "Form mode",
        "A form asks for no secrets.",
        deviation="Whoever writes a tool decides what it asks; docs/python-api.md says that none of them is for secrets.",
    ),
    _SAMPLING.must(
        "ASK-07",
        "Creating Messages",
        "A sampling question has maxTokens.",
        "test_mrtr.py::test_sampling_and_roots_are_asked_in_their_own_form",
    ),
)

SUB: Final[tuple[Requirement, ...]] = (
    _SUBSCRIPTIONS.must(
        "SUB-01",
        "Acknowledgement",
        "The first message acknowledges what is honoured of the filter.",
        "test_listen.py::test_the_first_message_acknowledges",
        "test_listen.py::test_lists_the_server_does_not_have_are_left_out",
    ),
    _SUBSCRIPTIONS.must(
        "SUB-02",
        "Notifications",
        "Only what was asked for is told.",
        "test_listen.py::test_only_what_was_asked_for_is_told",
        "test_listen.py::test_an_updated_resource_is_told_to_those_who_follow_it",
    ),
    _SUBSCRIPTIONS.must(
        "SUB-03",
        "Subscription id",
        "Every message is tagged with the id of its request, in its type.",
        "test_listen.py::test_the_first_message_acknowledges",
        "test_listen.py::test_streams_stand_side_by_side",
    ),
    _SUBSCRIPTIONS.must(
        "SUB-04",
        "Notifications",
        "Progress and log messages never come on such a stream.",
        "test_listen.py::test_streams_stand_side_by_side",
    ),
    _SUBSCRIPTIONS.may("SUB-05", "Multiple subscriptions", "A client may have several.", "test_listen.py::test_streams_stand_side_by_side"),
    _SUBSCRIPTIONS.should(
        "SUB-06",
        "Ending",
        "A server that ends a stream sends the response, tagged, and closes.",
        "test_listen.py::test_a_server_that_stops_ends_its_streams_with_a_result",
    ),
    _SUBSCRIPTIONS.must(
        "SUB-07",
        "Security",
        "A stream tells of its own tenant only, whichever replica noticed.",
        "test_listen.py::test_another_tenant_hears_nothing",
        "test_listen.py::test_any_replica_tells",
    ),
    _SUBSCRIPTIONS.should(
        "SUB-08", "Keep-alive", "A silent stream shows that it lives.", "test_listen.py::test_a_silent_stream_shows_that_it_lives"
    ),
    _SUBSCRIPTIONS.should("SUB-09", "Filter", "A malformed filter is -32602.", "test_listen.py::test_a_malformed_filter_is_refused"),
    _SUBSCRIPTIONS.must("SUB-10", "Reconnection", "Nothing is replayed.", "test_listen.py::test_what_happened_before_is_not_told"),
)

TASK: Final[tuple[Requirement, ...]] = (
    _TASKS.must(
        "TASK-01",
        "Creating Tasks",
        "A task is durable before its result says so; the result is flat and an immediate tasks/get resolves.",
        _WIRE + "test_a_call_becomes_a_task",
        _ROOM + "test_a_task_is_durable_before_its_work_begins",
    ),
    _TASKS.must(
        "TASK-02",
        "Capabilities",
        "Only a client that declares the extension on this request gets a task.",
        _WIRE + "test_without_the_extension_nothing_is_a_task",
        _WIRE + "test_the_extension_is_advertised",
    ),
    _TASKS.must(
        "TASK-03",
        "Capabilities",
        "Without the extension the methods are -32021, naming it.",
        _WIRE + "test_the_methods_need_the_extension",
        "test_listen.py::test_following_tasks_needs_the_extension",
    ),
    _TASKS.must("TASK-04", "Task ids", "Ids cannot be guessed.", _ROOM + "test_ids_cannot_be_guessed"),
    _TASKS.must(
        "TASK-05",
        "Security",
        "Every request about a task is authorised; another one's task is as unknown as none (-32602).",
        _WIRE + "test_another_ones_task_is_unknown",
        _WIRE + "test_a_task_needs_the_tools_scopes",
        _ROOM + "test_another_ones_task_is_as_unknown_as_none",
        _ROOM + "test_what_is_no_id_is_an_unknown_task",
    ),
    _TASKS.must("TASK-06", "Retention", "A task is kept for at least ttlMs.", _ROOM + "test_a_result_is_kept_until_its_time_is_over"),
    _TASKS.must(
        "TASK-07",
        "tasks/get",
        "A completed task carries its result, also one with isError.",
        _WIRE + "test_a_completed_task_carries_its_result",
        _WIRE + "test_a_refused_call_is_a_completed_task",
    ),
    _TASKS.must(
        "TASK-08",
        "tasks/get",
        "A failed task carries a JSON-RPC error, and no result.",
        _WIRE + "test_a_broken_tool_is_a_failed_task",
        _ROOM + "test_an_error_ends_a_task_as_failed",
    ),
    _TASKS.must(
        "TASK-09",
        "tasks/update",
        "Questions wait in the task; answers may come in parts, and those nobody asked for are ignored.",
        _WIRE + "test_questions_wait_in_the_task",
        _WIRE + "test_answers_from_before_the_task_go_into_it",
        _ROOM + "test_questions_are_answered_one_by_one",
    ),
    _TASKS.must("TASK-10", "tasks/update", "Keys are unique for the life of a task.", _ROOM + "test_a_key_is_never_used_twice"),
    _TASKS.must(
        "TASK-11",
        "tasks/update",
        "A client is asked only what it declared.",
        _WIRE + "test_a_client_that_cannot_be_asked_is_not",
    ),
    _TASKS.must(
        "TASK-12",
        "tasks/cancel",
        "Cancelling is acknowledged, works from any replica and harms no task that has ended.",
        _WIRE + "test_a_cancelled_task_says_so",
        _ROOM + "test_a_cancelled_task_stays_cancelled",
        _ROOM + "test_an_ended_task_is_not_cancelled",
        _ROOMS + "test_another_replica_cancels",
    ),
    _TASKS.must("TASK-13", "tasks/update", "Any replica takes the answer.", _ROOMS + "test_another_replica_answers"),
    _TASKS.must(
        "TASK-14",
        "tools/call",
        "A `task` parameter of old makes no task.",
        _WIRE + "test_a_task_parameter_makes_no_task",
        "test_tools.py::test_a_task_parameter_is_ignored",
    ),
    _TASKS.must(
        "TASK-15",
        "Removed",
        "tasks/result and tasks/list are unknown.",
        _WIRE + "test_what_the_extension_does_not_have_is_not_there",
        "test_discovery.py::test_methods_that_are_gone_answer_404",
    ),
    _TASKS.may(
        "TASK-16", "Notifications", "A listener hears of its tasks, and of nobody else's.", _WIRE + "test_a_listening_client_is_told"
    ),
    _TASKS.should("TASK-17", "Errors", "Malformed parameters are a protocol error.", _WIRE + "test_wrong_parameters_are_refused_in_words"),
)

CONF: Final[tuple[Requirement, ...]] = (
    Source("2026-07-28", "conformance suite").must(
        "CONF-01",
        "server, --requirements 2026-07-28 and 2025-11-25",
        "Every scored scenario of the official suite passes, at one process and at two behind a proxy without affinity.",
        _SUITE,
        "tests/conformance/test_server.py::test_a_server_that_does_not_answer_passes_nothing",
    ),
)
