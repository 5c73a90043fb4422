"""Ready-to-paste configuration for the usual MCP clients. Pure text from an address and a token."""

import json
from base64 import b64encode
from urllib.parse import quote, urlencode


def claude_code(name: str, url: str, token: str) -> str:
    """The command that adds the server to Claude Code."""
    return f'claude mcp add --transport http {name} {url} --header "Authorization: Bearer {token}"'


def claude_desktop(name: str, url: str, token: str) -> str:
    """`claude_desktop_config.json`. The app starts local programs only, so `mcp-remote` stands between.

    The header's value is in the environment because some systems split arguments at blanks.
    """
    server = {
        "command": "npx",
        "args": ["-y", "mcp-remote", url, "--header", "Authorization:${FREEHOLD_AUTHORIZATION}"],
        "env": {"FREEHOLD_AUTHORIZATION": f"Bearer {token}"},
    }
    return json.dumps({"mcpServers": {name: server}}, indent=2)


def cursor(name: str, url: str, token: str) -> str:
    """`.cursor/mcp.json`."""
    return json.dumps({"mcpServers": {name: remote(url, token)}}, indent=2)


def cursor_link(name: str, url: str, token: str) -> str:
    """A link that installs the server in Cursor when it is opened."""
    config = b64encode(json.dumps(remote(url, token)).encode()).decode()
    return f"cursor://anysphere.cursor-deeplink/mcp/install?{urlencode({'name': name, 'config': config}, quote_via=quote)}"


def vs_code(name: str, url: str, token: str) -> str:
    """`.vscode/mcp.json`."""
    return json.dumps({"servers": {name: {"type": "http", **remote(url, token)}}}, indent=2)


def inspector(url: str, token: str) -> str:
    """The command that lists the tools with the MCP Inspector."""
    return f'npx @modelcontextprotocol/inspector --cli {url} --transport http --header "Authorization: Bearer {token}" --method tools/list'


def remote(url: str, token: str) -> dict[str, object]:
    """A server reached over HTTP, as most clients write it."""
    return {"url": url, "headers": {"Authorization": f"Bearer {token}"}}
