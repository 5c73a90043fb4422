"""Names of tools and arguments: good, short, unique, and stable when a document grows."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.domains.sources.openapi.names import Wish, argument_names, assign, singular, wanted_name
from tests.documents import LAW

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@pytest.mark.parametrize(
    ("method", "path", "operation_id", "name"),
    [
        ("get", "/projects", "listProjects", "list_projects"),
        ("get", "/tasks/{id}", "get-task", "get_task"),
        ("post", "/repos/{o}/{r}/issues", "issues/create", "create_issue"),
        ("get", "/repos/{o}/{r}/issues", "issues/list-for-repo", "list_issues_for_repo"),
        ("get", "/codes_of_conduct", "codes-of-conduct/get-all-codes-of-conduct", "get_all_codes_of_conduct"),
        ("put", "/sites/{s}", "WebApps_CreateOrUpdate", "create_or_update_web_app"),
        ("post", "/datasets", "bigquery.datasets.insert", "insert_bigquery_datasets"),
        ("put", "/bills/{id}", "billsUpdate", "update_bills"),
        ("get", "/items", "list_items_items_get", "list_items"),
        ("post", "/v1/accounts", "PostAccounts", "create_account"),
        ("get", "/report", "statusCompleted", "get_status_completed"),
        ("get", "/api/v1/projects", "", "list_projects"),
        ("get", "/api/v1/projects/{id}", "", "get_project"),
        ("post", "/projects", "", "create_project"),
        ("put", "/projects/{id}", "", "replace_project"),
        ("patch", "/projects/{id}", "", "update_project"),
        ("delete", "/projects/{id}", "", "delete_project"),
        ("get", "/projects/{id}/tasks", "", "list_project_tasks"),
        ("post", "/users/{id}/suspend", "", "suspend_user"),
        ("put", "/users/{id}/avatar", "", "set_user_avatar"),
        ("head", "/files/{id}", "", "check_file"),
        ("get", "/", "", "get_root"),
        ("get", "/{slug}", "", "get_slug"),
        ("get", "/c", "délivrer/été", "get_d_livrer_t"),
        ("delete", "/files/{fileId}/gdpr", "delete-/files/{fileId}/gdpr_archive", "delete_file_gdpr"),
    ],
)
def test_a_name_is_a_verb_and_what_it_is_about(method: str, path: str, operation_id: str, name: str) -> None:
    """The operationId when it is a good one, else method and path."""
    assert wanted_name(Wish(method, path, operation_id, many=False)) == name


def test_a_get_that_answers_a_list_is_a_list() -> None:
    """Also when the word has no plural."""
    assert wanted_name(Wish("get", "/staff", "", many=True)) == "list_staff"
    assert wanted_name(Wish("get", "/staff", "", many=False)) == "get_staff"


def test_colliding_names_do_not_depend_on_the_order() -> None:
    """The simpler path keeps the name and the other gets a hash of its own, whichever comes first."""
    simple, other = Wish("get", "/tasks", "listTasks", many=False), Wish("get", "/v2/x/tasks", "listTasks", many=False)
    first = assign([simple, other])
    assert first == assign([other, simple])[::-1]
    assert first[0] == "list_tasks"
    assert re.fullmatch(r"list_tasks_[0-9a-f]{6}", first[1])


WISHES = st.builds(
    Wish,
    st.sampled_from(["get", "post", "put", "patch", "delete"]),
    st.lists(st.sampled_from(["tasks", "users", "{id}", "v2", "a.b", "status", "é", "api", "{a}-{b}", "x" * 40]), max_size=5).map(
        lambda parts: "/" + "/".join(parts)
    ),
    st.sampled_from(["", "", "listTasks", "tasks/get", "x" * 90, "!!!", "v", "update", "a_b_c", "Tasks_CreateOrUpdate", "get_" * 30]),
    st.booleans(),
    st.sampled_from(["", "", "", "mine", "listTasks", "list_tasks"]),
)


@LAW
@given(st.lists(WISHES, max_size=20, unique_by=lambda wish: (wish.method, wish.path)))
def test_names_are_always_allowed_and_unique(wishes: list[Wish]) -> None:
    """64 characters of `[A-Za-z0-9_-]` whatever the document says, and no two alike (OA-04)."""
    names = assign(wishes)
    assert len(names) == len(wishes) == len(set(names))
    assert all(NAME.fullmatch(name) for name in names)


@LAW
@given(
    st.lists(WISHES, max_size=12, unique_by=lambda wish: (wish.method, wish.path)).flatmap(
        lambda wishes: st.tuples(st.just(wishes), st.permutations(wishes))
    )
)
def test_the_order_of_a_document_never_changes_a_name(orders: tuple[list[Wish], list[Wish]]) -> None:
    """Each operation keeps its name when the document is shuffled."""
    wishes, shuffled = orders
    assert dict(zip(shuffled, assign(shuffled), strict=True)) == dict(zip(wishes, assign(wishes), strict=True))


@LAW
@given(st.lists(WISHES, min_size=1, max_size=12, unique_by=lambda wish: (wish.method, wish.path)))
def test_an_added_operation_renames_no_other_name(wishes: list[Wish]) -> None:
    """Only one that wants the very same name can be touched."""
    before = dict(zip(wishes[:-1], assign(wishes[:-1]), strict=True))
    after = dict(zip(wishes, assign(wishes), strict=True))
    newcomer = wanted_name(wishes[-1])
    assert all(after[wish] == name for wish, name in before.items() if wanted_name(wish) != newcomer)


@pytest.mark.parametrize(
    ("word", "one"),
    [
        ("tasks", "task"),
        ("companies", "company"),
        ("addresses", "address"),
        ("status", "status"),
        ("statuses", "status"),
        ("news", "news"),
        ("bus", "bus"),
    ],
)
def test_plurals_are_guessed_plainly(word: str, one: str) -> None:
    """And words that are no plural stay."""
    assert singular(word) == one


def test_arguments_have_names_every_client_accepts() -> None:
    """Brackets, dollars and foreign letters are replaced; a second place of the same name says which it is."""
    names = argument_names(
        [
            ("path", "id"),
            ("query", "id"),
            ("query", "$filter"),
            ("query", "page[size]"),
            ("query", "größe"),
            ("query", "名"),
            ("header", "X-Id"),
        ]
    )
    assert names["path", "id"] == "id"
    assert names["query", "id"] == "id_query"
    assert names["query", "$filter"] == "filter"
    assert names["query", "page[size]"] == "page_size"
    assert names["header", "X-Id"] == "X-Id"
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name) for name in names.values())
    assert len(set(names.values())) == len(names)


@LAW
@given(
    st.lists(st.tuples(st.sampled_from(["path", "query", "header", "cookie"]), st.text(min_size=1, max_size=90)), unique=True, max_size=30)
)
def test_argument_names_never_meet(wire: list[tuple[str, str]]) -> None:
    """Whatever the parameters are called, each has an argument of its own."""
    names = argument_names(wire)
    assert len(set(names.values())) == len(wire)
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name) for name in names.values())
