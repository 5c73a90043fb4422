"""Settings about authorization that must not start, and what a client's own claims come to."""

from pathlib import Path
from typing import Any

import pytest

from freehold.app import build
from freehold.granting import ClientSettings
from freehold.kit.errors import Misconfigured
from freehold.settings import Settings

PORTAL = {"name": "The portal", "redirect_uris": ("https://portal.example/cb",)}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"color": "#ffd400"}, "color #ffd400 is too light to be read on white"),
        ({"clients": {"portal": ClientSettings(**PORTAL, secret="short")}}, r"clients\.portal\.secret is too short"),
        (
            {"clients": {"portal": ClientSettings(name="x", redirect_uris=("http://portal.example/cb",))}},
            r"clients\.portal\.redirect_uris has",
        ),
        ({"clients": {"portal": ClientSettings(name="x", redirect_uris=("https://*.example/cb",))}}, r"clients\.portal\.redirect_uris has"),
    ],
)
def test_unsafe_settings_do_not_start(tmp_path: Path, given: dict[str, Any], sentence: str) -> None:
    """Each with a sentence that names the setting and says what to do."""
    with pytest.raises(Misconfigured, match=sentence):
        build(Settings(data_dir=tmp_path, **given))


def test_safe_ones_do(tmp_path: Path) -> None:
    """A dark colour, a long secret and a good address."""
    build(Settings(data_dir=tmp_path, color="#1a1a1a", clients={"portal": ClientSettings(**PORTAL, secret="s" * 32)}))
