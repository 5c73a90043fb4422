"""HTML with nothing in it that was not escaped, the pages' one style sheet, and the headers that keep frames and scripts away."""

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Final

from freehold.web.edges import Send


class Html(str):
    """Markup of ours, or text that was escaped."""

    __slots__ = ()


def fill(template: str, **values: object) -> Html:
    """The template with each value in its braces: `Html` as it is, anything else as text."""
    return Html(template.format(**{name: value if isinstance(value, Html) else escape(str(value)) for name, value in values.items()}))


def joined(parts: list[Html]) -> Html:
    """One after the other."""
    return Html("".join(parts))


_STYLE: Final = """
:root{--brand:%s;color-scheme:light}
*{box-sizing:border-box}
body{margin:0;background:#f3f4f6;color:#1c2430;font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:30rem;margin:6vh auto;padding:2rem;background:#fff;border:1px solid #d8dce3;border-radius:.75rem}
@media(max-width:34rem){main{margin:0;min-height:100vh;border:0;border-radius:0;padding:1.5rem}}
.product{margin:0 0 1.25rem;color:var(--brand);font-weight:650}
h1{margin:0 0 .75rem;font-size:1.375rem;line-height:1.3;overflow-wrap:anywhere}
p{margin:0 0 1rem}
dl{margin:0 0 1.25rem;display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem}
dt{color:#5a6475}
dd{margin:0;font-weight:600;overflow-wrap:anywhere}
fieldset{margin:0 0 1.25rem;padding:0;border:0}
legend{padding:0;margin-bottom:.5rem;font-weight:650}
.choice{display:grid;grid-template-columns:1.5rem 1fr;align-items:start;padding:.6rem 0;border-top:1px solid #e6e9ee}
.choice input{width:1.125rem;height:1.125rem;margin:.2rem 0 0;accent-color:var(--brand)}
.choice small{grid-column:2;color:#5a6475;font-size:.875rem;overflow-wrap:anywhere}
.field{margin-bottom:1rem}
.field label{display:block;margin-bottom:.25rem;font-weight:600}
.field input{width:100%%;padding:.6rem .75rem;font:inherit;border:1px solid #7b8494;border-radius:.4rem}
.note{padding:.75rem 1rem;background:#fff7e0;border-left:4px solid #8a5a00;border-radius:.25rem}
.wrong{padding:.75rem 1rem;background:#fdecec;border-left:4px solid #b3261e;border-radius:.25rem}
.actions{display:flex;flex-wrap:wrap;gap:.75rem}
button,.button{min-height:2.75rem;padding:.5rem 1.25rem;font:inherit;font-weight:600;border-radius:.4rem;border:1px solid var(--brand);
cursor:pointer;background:var(--brand);color:#fff;text-decoration:none;display:inline-flex;align-items:center}
button.other{background:#fff;color:#1c2430;border-color:#7b8494}
button.link{min-height:0;padding:0;border:0;background:none;color:var(--brand);text-decoration:underline;font-weight:400}
:focus-visible{outline:3px solid var(--brand);outline-offset:2px}
.quiet{color:#5a6475;font-size:.875rem}
"""

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex">
<title>{heading} - {product}</title>
<style>{style}</style>
</head>
<body>
<main>
<p class="product">{product}</p>
<h1>{heading}</h1>
{body}</main>
</body>
</html>
"""


class Look:
    """How a product's pages look."""

    def __init__(self, product: str, color: str) -> None:
        """`color` is `#rrggbb`, dark enough for white text on it and for itself on white."""
        self.product = product
        self._style = Html(_STYLE % color)
        self._digest = b64encode(sha256(self._style.encode()).digest()).decode()

    def page(self, heading: str, body: Html) -> Html:
        """The whole page."""
        return fill(_PAGE, heading=heading, product=self.product, style=self._style, body=body)

    async def send(self, send: Send, status: int, page: Html, extra: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """One page that nobody keeps, frames or scripts.

        There is no `form-action`: browsers apply it to where a form's answer redirects, which is the client's address and may redirect on.
        The referrer goes to this server only; without any, browsers would say `Origin: null` when the form is sent.
        """
        body = page.encode()
        policy = f"default-src 'none'; style-src 'sha256-{self._digest}'; base-uri 'none'; frame-ancestors 'none'"
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            (b"content-security-policy", policy.encode()),
            (b"x-frame-options", b"DENY"),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"same-origin"),
            (b"cache-control", b"no-store"),
            *extra,
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def redirect(send: Send, location: str, extra: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    """On to another address, which learns nothing of where it was sent from."""
    headers = [
        (b"location", location.encode("ascii")),
        (b"content-length", b"0"),
        (b"cache-control", b"no-store"),
        (b"referrer-policy", b"no-referrer"),
        *extra,
    ]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
