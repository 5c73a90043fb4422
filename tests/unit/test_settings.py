"""What stops the start, in which words, and where values come from."""

from pathlib import Path

import pytest

from freehold.kit.errors import Misconfigured
from freehold.settings import Settings, load


def toml(tmp_path: Path, text: str) -> Path:
    """A freehold.toml with that text."""
    path = tmp_path / "freehold.toml"
    path.write_text(text)
    return path


def test_defaults_are_for_this_machine_only() -> None:
    """Without anything said, the server listens on loopback with SQLite and in-process state."""
    settings = load(None, {})
    assert settings.host == "127.0.0.1"
    assert settings.resource == "http://127.0.0.1:8080/mcp"
    assert settings.database.startswith("sqlite:///")
    assert settings.state_url.get_secret_value() == "memory:"


def test_command_line_wins_over_environment_over_file(tmp_path: Path) -> None:
    """An option beats FREEHOLD_*, which beats the file."""
    path = toml(tmp_path, "port = 1\ntitle = 'file'\npage_size = 7\n")
    settings = load(path, {"FREEHOLD_PORT": "2", "FREEHOLD_TITLE": "environment", "HOME": "/nowhere"}, port=3)
    assert (settings.port, settings.title, settings.page_size) == (3, "environment", 7)


def test_secrets_come_from_files_and_stay_out_of_text(tmp_path: Path) -> None:
    """FREEHOLD_X_FILE names a file that holds X, and no secret shows in the settings' text."""
    secret = tmp_path / "secret"
    secret.write_text("ab" * 32 + "\n")
    settings = load(None, {"FREEHOLD_MASTER_KEY_FILE": str(secret), "FREEHOLD_DATABASE_URL": "postgresql://u:canary@h/d"})
    assert settings.master_key.get_secret_value() == "ab" * 32
    assert "canary" not in repr(settings)
    assert "abab" not in repr(settings)


def test_lists_in_the_environment_are_comma_separated() -> None:
    """A list setting takes several values from one variable."""
    settings = load(None, {"FREEHOLD_OUTBOUND_ALLOW": "api.internal:8443, 10.0.0.7"})
    assert settings.outbound_allow == ("api.internal:8443", "10.0.0.7")


REFUSED = {
    "prot = 1": "no setting 'prot'",
    "[plans.free]\ncalls = 1": "no setting 'plans.free.calls'",
    "port = 'x'": "port: input should be a valid integer",
    "port = 70000": "port: ",
    "host = '0.0.0.0'": "public_url is not set",
    "public_url = 'http://mcp.example.com'": "plain http",
    "public_url = 'https://mcp.example.com/path'": "scheme and host only",
    "public_url = 'https://mcp.example.com:99999'": "public_url is not an address",
    "public_url = 'https://mcp.example.com:http'": "public_url is not an address",
    "public_url = 'https://[::1'": "public_url is not an address",
    "master_key = 'short'": "64 hex digits",
    "metrics_token = 'short'": "too short",
    "default_plan = 'gold'": "not one of the plans",
    "[sources.a]": "exactly one of openapi, graphql, mcp and python",
    "[sources.a]\nopenapi = 'x'\npython = 'y'": "exactly one of openapi, graphql, mcp and python",
    "[sources.a]\ngraphql = 'x'\nopenapi = 'y'": "exactly one of openapi, graphql, mcp and python",
    "[sources.a]\nmcp = 'notion'": "not an address",
    "[sources.a]\nmcp = 'https://x.example/mcp'\naudience = 'y'": "neither base_url nor audience",
    "[sources.a]\nopenapi = 'x'\nrelay_questions = true": "headers, trusted and relay_questions are for MCP servers",
    "[sources.a]\nopenapi = 'x'\ntrusted = true": "headers, trusted and relay_questions are for MCP servers",
    "[sources.a]\nmcp = 'https://x.example/mcp'\nheaders = { Mcp-Method = 'y' }": "no header can have",
    "[sources.a]\nmcp = 'https://x.example/mcp'\nheaders = { A = 'yü' }": "no header can have",
    "[sources.a]\ngraphql = 'x'\nresources = {get_a = 'a://a'}": "there is none. Remove it",
    "[sources.A_B]\nopenapi = 'x'": "sources",
    "[issuers.a]\nissuer = 'http://issuer.example.com'": "https address",
    "[issuers.a]\nissuer = 'https://a'\nintrospection={url='http://a/i', client_id='a', client_secret='b'}": "your secret would",
    "= 1": "cannot be read",
}


@pytest.mark.parametrize("text", REFUSED)
def test_unknown_and_unsafe_settings_stop_the_start(tmp_path: Path, text: str) -> None:
    """Each unknown key or unsafe combination is refused with a sentence that names it."""
    with pytest.raises(Misconfigured) as refused:
        load(toml(tmp_path, text), {})
    assert REFUSED[text] in str(refused.value)
    assert str(refused.value).endswith(".")


def test_unknown_variables_and_missing_files_are_named(tmp_path: Path) -> None:
    """A FREEHOLD_ variable that is no setting, an unreadable secret file and a missing configuration are refused by name."""
    for environment, words in (
        ({"FREEHOLD_PROT": "1"}, "FREEHOLD_PROT"),
        ({"FREEHOLD_MASTER_KEY_FILE": str(tmp_path / "no")}, "cannot be read"),
    ):
        with pytest.raises(Misconfigured, match=words):
            load(None, environment)
    with pytest.raises(Misconfigured, match="freehold init"):
        load(tmp_path / "freehold.toml", {})


def test_every_setting_says_what_it_is() -> None:
    """Every field of the settings and of their tables has a description."""
    for model in (Settings, *(type(value) for value in Settings().plans.values())):
        for name, field in model.model_fields.items():
            assert field.description or name == "folder", f"{model.__name__}.{name}"
