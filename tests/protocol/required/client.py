"""What falls on a client of other MCP servers, which Freehold is where one is a source."""

from typing import Final

from tests.protocol.required.requirement import Requirement, Source

_SUITE: Final = "tests/conformance/test_client.py::"
_SESSIONS: Final = "tests/contract/test_upstream_sessions.py::"
_HOSTILE: Final = "tests/contract/test_upstream_hostile.py::"
_BOTH: Final = "tests/journeys/test_upstreams.py::test_two_upstreams_behind_one_endpoint"
_VERSIONS: Final = Source("2026-07-28", "basic/versioning")
_TOOLS: Final = Source("2026-07-28", "server/tools")
_OLD: Final = Source("2025-x", "basic/transports")

CLIENT: Final[tuple[Requirement, ...]] = (
    Source("2026-07-28", "conformance suite").must(
        "CLI-01",
        "client, scenarios of 2026-07-28 and 2025-11-25",
        "Every scenario for clients passes that is not about authorization.",
        _SUITE + "test_the_suite_passes",
        _SUITE + "test_a_client_that_does_nothing_passes_nothing",
        _SUITE + "test_what_waits_is_authorization_alone",
    ),
    _VERSIONS.should(
        "CLI-02", "Backward Compatibility", "A server of either era is found out without calling anything, and served in its own.", _BOTH
    ),
    Source("2026-07-28", "basic/patterns/mrtr").must(
        "CLI-03",
        "Client Requirements",
        "A kind of question that was not declared is not answered.",
        _HOSTILE + "test_a_wrong_answer_is_refused_in_our_words",
    ),
    _TOOLS.must(
        "CLI-04",
        "Tool Names",
        "Tools of several servers keep names of their own.",
        "tests/unit/test_upstream_names.py::test_every_name_has_one_of_its_own_that_all_clients_take",
    ),
    _TOOLS.must(
        "CLI-05",
        "Annotations",
        "Annotations of a server that is not trusted are not believed.",
        _HOSTILE + "test_its_words_and_hints_are_a_stranger_s",
    ),
    _TOOLS.must(
        "CLI-06",
        "JSON Schema Usage",
        "A reference that leads out of a schema is not followed, and its tool is left out.",
        _HOSTILE + "test_bad_entries_cost_themselves_only",
    ),
    _OLD.must(
        "CLI-07",
        "Session Management",
        "A session the server has lost is begun anew, and every session is ended with DELETE.",
        _SESSIONS + "test_a_lost_session_is_begun_anew_once",
        _SESSIONS + "test_a_session_is_its_tenant_s_and_is_kept",
    ),
    _OLD.should(
        "CLI-08",
        "Sending Messages to the Server",
        "A call that is no longer wanted is cancelled with a notification.",
        _SESSIONS + "test_a_call_that_ends_early_is_cancelled_there",
        _SESSIONS + "test_a_question_that_ends_the_call_ends_it_there_too",
    ),
    _OLD.may(
        "CLI-09",
        "Listening for Messages from the Server",
        "Questions on the server's own stream are answered, and changed lists followed.",
        _SESSIONS + "test_a_question_on_its_own_stream_is_the_call_s",
        _SESSIONS + "test_a_changed_list_is_followed",
    ),
    Source("2026-07-28", "authorization").must(
        "CLI-10",
        "Token Handling",
        "The token of a caller never goes to another server.",
        _HOSTILE + "test_the_operator_s_credential_goes_there_and_no_other",
    ),
)
