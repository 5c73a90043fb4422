"""The SaaS's API behind the gateway job: a bare ASGI app that answers `GET /items/{id}` with 300 bytes of JSON at once."""

from typing import Any

from serve import serve

PADDING = "x" * 220


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer with the item that was asked for; its name shows which one it is."""
    if scope["type"] != "http":
        return
    await receive()
    item = scope["path"].rpartition("/")[2]
    body = f'{{"id":"{item}","name":"name of {item}","state":"open","note":"{PADDING}"}}'.encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    serve(app)
