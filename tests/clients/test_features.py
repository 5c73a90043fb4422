"""What clients of the market do beyond calling: they are asked, hear progress and changes, read resources, get prompts, complete."""

from typing import Any

import pytest

from tests.clients.conftest import Customers
from tests.clients.hosts import ANSWERS, Fault, Host, text

pytestmark = pytest.mark.anyio

REFUSAL = "dev.freehold/refusal"


async def connected(talking: Host, customers: Customers, answers: dict[str, Any] | None = None) -> None:
    """As a user of acme."""
    await talking.connect(customers.server.url, await customers.token(customers.acme), answers)


async def test_a_question_is_answered_in_the_middle_of_a_call(talking: Host, featured: Customers) -> None:
    """The user is asked once, in the tool's words, and the tool goes on with the answer, in both eras."""
    await connected(talking, featured, ANSWERS)
    assert "Hi, Ada!" in text(await talking.call("ask_name", greeting="Hi"))
    (asked,) = await talking.say("heard", method="elicitation/create", count=1)
    assert asked["message"] == "What is your name?"
    assert list(asked["requestedSchema"]["properties"]) == ["name"]
    assert (await featured.calls(featured.acme)).count(("ask_name", "ok")) == 1


async def test_a_user_who_declines_is_heard(talking: Host, featured: Customers) -> None:
    """Declining is an answer: the tool learns of it, and nothing is made up."""
    await connected(talking, featured, {**ANSWERS, "elicitation/create": {"action": "decline"}})
    assert "No name: decline." in text(await talking.call("ask_name"))


async def test_questions_of_every_kind_go_together(talking: Host, featured: Customers) -> None:
    """A form, the client's model and its folders are asked for in one round, each once."""
    await connected(talking, featured, ANSWERS)
    assert "client_roots greeting user_name" in text(await talking.call("ask_all"))
    for method in ANSWERS:
        assert len(await talking.say("heard", method=method, count=1)) == 1
    assert "Paris" in text(await talking.call("ask_model"))


async def test_one_question_follows_another(talking: Host, featured: Customers) -> None:
    """The second is asked after the first is answered; the first is not asked again."""
    answer = {"action": "accept", "content": {"name": "Ada", "color": "red"}}
    await connected(talking, featured, {**ANSWERS, "elicitation/create": answer})
    assert "Ada likes red." in text(await talking.call("ask_steps"))
    asked = await talking.say("heard", method="elicitation/create", count=2)
    assert [each["message"] for each in asked] == ["Name?", "Color?"]


async def test_a_client_that_cannot_be_asked_is_told_so(talking: Host, featured: Customers) -> None:
    """Without the capability the tool does not run to its end: an error of 2026-07-28, a result in words before that."""
    await connected(talking, featured)
    if talking.era == "modern":
        with pytest.raises(Fault) as refused:
            await talking.call("ask_name")
        assert (refused.value.code, list(refused.value.data["requiredCapabilities"])) == (-32021, ["elicitation"])
    else:
        result = await talking.call("ask_name")
        assert (result["isError"], result["_meta"][REFUSAL]["code"]) == (True, "missing_capability")
    assert ("ask_name", "ok") not in await featured.calls(featured.acme)


async def test_progress_arrives_while_the_call_runs(talking: Host, featured: Customers) -> None:
    """Each step once and in order, never backwards."""
    await connected(talking, featured)
    assert "done" in text(await talking.call("advance"))
    steps = await talking.say("heard", method="notifications/progress", count=3)
    assert [(step["progress"], step["total"], step["message"]) for step in steps] == [
        (1, 4, "step 1"),
        (2, 4, "step 2"),
        (3.5, 4, "step 3.5"),
    ]


async def test_a_change_of_the_tools_is_heard_without_asking(talking: Host, featured: Customers) -> None:
    """On the old era's own stream or on a subscription of today, which brings only what was asked for; never another tenant's (TEN-13)."""
    await connected(talking, featured)
    wanted = {"toolsListChanged": True, "promptsListChanged": True}
    if talking.era == "modern":
        assert await talking.say("listen", wanted=wanted) == wanted
    await talking.heard_changing("notifications/tools/list_changed", what="tools")
    await featured.server.call("change", {"what": "prompts"}, token=await featured.token(featured.globex))
    await talking.call("change", what="resources")
    await talking.heard_changing("notifications/tools/list_changed", what="tools")
    assert await talking.say("heard", method="notifications/prompts/list_changed", count=0) == []
    own = await talking.say("heard", method="notifications/resources/list_changed", count=0)
    assert (own == []) is (talking.era == "modern")


async def test_a_change_of_one_resource_is_heard_by_who_watches_it(talking: Host, featured: Customers) -> None:
    """The URI arrives, not what is in it."""
    await connected(talking, featured)
    if talking.era == "modern":
        await talking.say("listen", wanted={"resourceSubscriptions": ["note://welcome"]})
    else:
        await talking.say("subscribe", uri="note://welcome")
    heard = await talking.heard_changing("notifications/resources/updated", what="resource")
    assert heard["uri"] == "note://welcome"
    assert "Welcome." not in str(heard)


async def test_resources_are_listed_and_read(talking: Host, featured: Customers) -> None:
    """Texts, bytes and templates; a URI there is not is an error of the era, which the 2.x client shows as today's."""
    await connected(talking, featured)
    uris = {each["uri"] for each in await talking.say("list", kind="resources")}
    assert {"note://welcome", "note://pixel"} <= uris
    assert "invoice://{number}/{part}" not in uris
    assert [each["uriTemplate"] for each in await talking.say("list", kind="templates")] == ["invoice://{number}/{part}"]
    (note,) = (await talking.say("read", uri="note://welcome"))["contents"]
    assert (note["uri"], note["mimeType"]) == ("note://welcome", "text/plain")
    assert "Welcome." in note["text"]
    (pixel,) = (await talking.say("read", uri="note://pixel"))["contents"]
    assert (pixel["mimeType"], pixel["blob"]) == ("image/png", "iVBORw0KGgo=")
    (invoice,) = (await talking.say("read", uri="invoice://7/head"))["contents"]
    assert '"number":7' in invoice["text"].replace(" ", "")
    with pytest.raises(Fault) as unknown:
        await talking.say("read", uri="note://nothing")
    assert unknown.value.code == (-32002 if talking.era == "legacy" and talking.name != "client" else -32602)


async def test_prompts_are_listed_and_got(talking: Host, featured: Customers) -> None:
    """With their arguments filled in; one that is missing is named."""
    await connected(talking, featured)
    prompts = {each["name"]: each for each in await talking.say("list", kind="prompts")}
    assert [(each["name"], each.get("required", False)) for each in prompts["review"]["arguments"]] == [
        ("language", True),
        ("focus", False),
    ]
    got = await talking.say("prompt", name="review", arguments={"language": "rust"})
    assert [each["role"] for each in got["messages"]] == ["user", "assistant"]
    assert "Review this rust for style." in got["messages"][0]["content"]["text"]
    with pytest.raises(Fault, match="language"):
        await talking.say("prompt", name="review", arguments={"focus": "speed"})


async def test_arguments_are_completed(talking: Host, featured: Customers) -> None:
    """For a prompt and for a template, a hundred values at most."""
    await connected(talking, featured)
    languages = await talking.say("complete", ref={"type": "ref/prompt", "name": "review"}, argument={"name": "language", "value": "p"})
    assert languages == ["python", "pascal"]
    template = {"type": "ref/resource", "uri": "invoice://{number}/{part}"}
    numbers = await talking.say("complete", ref=template, argument={"name": "number", "value": "4"})
    assert len(numbers) == 100
    assert numbers[0] == "40"
