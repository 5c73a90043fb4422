"""What people see: sign-in, consent, and why something cannot go on. No scripts; every word a stranger chose is escaped."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from freehold.domains.oauth.clients import redirects
from freehold.domains.oauth.grants.model import Asked
from freehold.web.oauth.markup import Html, fill, joined

LOGIN: Final = "/login"
CONSENT: Final = "/consent"

_WRONG: Final = '<p class="wrong" role="alert" id="wrong">{wrong}</p>\n'
_LOGIN: Final = """<p>{client} wants to use {product} for you. First say who you are.</p>
{wrong}<form method="post" action="{action}">
<input type="hidden" name="page" value="{page}">
<div class="field"><label for="user">E-mail address or user name</label>
<input id="user" name="user" value="{user}" autocomplete="username" autocapitalize="none" spellcheck="false" required{focus_user}></div>
<div class="field"><label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required{focus_password}{described}></div>
<div class="actions"><button>Sign in</button></div>
</form>
"""
_CONSENT: Final = """{note}<dl>
<dt>Application</dt><dd>{client}</dd>
{host}<dt>Answer goes to</dt><dd>{goes_to}</dd>
<dt>You are</dt><dd>{user}</dd>
{one_place}</dl>
{wrong}<form method="post" action="{action}">
<input type="hidden" name="page" value="{page}">
{places}<fieldset>
<legend>It may</legend>
{scopes}</fieldset>
<div class="actions"><button name="decision" value="allow">Allow</button>
<button class="other" name="decision" value="deny" formnovalidate>Cancel</button></div>
<p class="quiet"><br><button class="link" name="decision" value="switch" formnovalidate>Sign in as somebody else</button></p>
</form>
"""
_NOTE: Final = """<p class="note">{doubts} Allow it only if you started this yourself a moment ago{here}.</p>
"""
_UNCHECKED: Final = "Nobody at {product} has checked who this application is."
_LOCAL: Final = "The answer stays on this computer, where any program may be waiting for it."
_SCOPE: Final = """<label class="choice"><input type="checkbox" name="scope.{name}" value="on"{checked}> <span>{words}</span>{tools}</label>
"""
_PLACE: Final = """<label class="choice"><input type="radio" name="tenant" value="{tenant}" required{checked}> <span>{name}</span></label>
"""
_ENDED: Final = """<p>{why}</p>
<p>{mend}</p>
{link}"""
_LINK: Final = '<div class="actions"><a class="button" href="{href}" rel="noreferrer">Go back to {host}</a></div>\n'
_TOOLS_SHOWN: Final = 8


class Place(Struct, frozen=True):
    """A tenant that the user may choose."""

    tenant: str
    name: str
    roles: frozenset[str]


class Choice(Struct, frozen=True):
    """A scope the user may give or leave."""

    name: str
    words: str
    tools: Sequence[str]
    chosen: bool


def login(asked: Asked, *, product: str, page: str, user: str = "", wrong: str = "") -> Html:
    """The sign-in form; after a mistake with what was wrong and the name that was typed."""
    client = asked.client.name or asked.client.client_id
    return fill(
        _LOGIN,
        client=client,
        product=product,
        action=LOGIN,
        page=page,
        user=user,
        wrong=fill(_WRONG, wrong=wrong) if wrong else Html(),
        focus_user=Html("" if user else " autofocus"),
        focus_password=Html(" autofocus" if user else ""),
        described=Html(' aria-describedby="wrong" aria-invalid="true"' if wrong else ""),
    )


def consent(
    asked: Asked, *, product: str, page: str, user: str, places: Sequence[Place], choices: Sequence[Choice], wrong: str = ""
) -> Html:
    """What is about to be allowed, by whom, to whom, and where the answer goes."""
    client, target = asked.client, asked.redirect_uri
    local = redirects.is_local(target)
    single = places[0] if len(places) == 1 else None
    return fill(
        _CONSENT,
        client=client.name or client.client_id,
        host=fill("<dt>Described by</dt><dd>{host}</dd>\n", host=client.host) if client.host else Html(),
        goes_to=f"{redirects.shown(target)} (this computer)" if local else redirects.shown(target),
        user=user,
        one_place=fill("<dt>Organisation</dt><dd>{name}</dd>\n", name=single.name) if single else Html(),
        note=_note(product, vouched=client.vouched, local=local),
        wrong=fill(_WRONG, wrong=wrong) if wrong else Html(),
        action=CONSENT,
        page=page,
        places=fill('<input type="hidden" name="tenant" value="{tenant}">\n', tenant=single.tenant) if single else _places(places),
        scopes=joined([_scope(choice) for choice in choices]),
    )


def ended(why: str, mend: str, *, back: str = "") -> Html:
    """Why it does not go on here, and what to do; with a way back where that is the user's own to take."""
    link = fill(_LINK, href=back, host=redirects.shown(back)) if back else Html()
    return fill(_ENDED, why=why, mend=mend, link=link)


def _note(product: str, *, vouched: bool, local: bool) -> Html:
    """What there is to doubt, and what speaks against it."""
    doubts = ([] if vouched else [_UNCHECKED.format(product=product)]) + ([_LOCAL] if local else [])
    return fill(_NOTE, doubts=" ".join(doubts), here=", on this computer" if local else "") if doubts else Html()


def _places(places: Sequence[Place]) -> Html:
    rows = [fill(_PLACE, tenant=place.tenant, name=place.name, checked=Html()) for place in places]
    return fill("<fieldset>\n<legend>In which of your organisations?</legend>\n{rows}</fieldset>\n", rows=joined(rows))


def _scope(choice: Choice) -> Html:
    named, more = choice.tools[:_TOOLS_SHOWN], len(choice.tools) - _TOOLS_SHOWN
    tools = ", ".join(named) + (f" and {more} more" if more > 0 else "")
    return fill(
        _SCOPE,
        name=choice.name,
        words=choice.words,
        tools=fill(" <small>{tools}</small>", tools=tools) if tools else Html(),
        checked=Html(" checked" if choice.chosen else ""),
    )
