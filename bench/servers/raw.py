"""The ceiling: a bare ASGI app that reads the body, parses it and answers with the text it was sent. No protocol, no checks."""

import json
from typing import Any

from serve import serve


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer a tools/call with its own text."""
    if scope["type"] != "http":
        return
    body = b""
    more = True
    while more:
        event = await receive()
        body += event.get("body", b"")
        more = event.get("more_body", False)
    call = json.loads(body)
    result = {"resultType": "complete", "content": [{"type": "text", "text": call["params"]["arguments"]["text"]}], "isError": False}
    answer = json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": result}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


if __name__ == "__main__":
    serve(app)
