"""A source whose document changes while clients listen, as an operator's `freehold source refresh` changes it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from freehold.settings import Settings, SourceSettings
from tests.documents import document
from tests.served import Served

_SAID = {"one": "One.", "secret": "Secret."}


@dataclass(frozen=True)
class Shop:
    """An OpenAPI source with the tools get_one, for whoever may read, and get_secret, for administrators."""

    path: Path

    def offer(self, **said: str) -> None:
        """Write the document, with other summaries or operations more; a running server learns of it by `refresh`."""
        paths = {f"/{name}": {"get": _operation(name, text)} for name, text in {**_SAID, **said}.items()}
        self.path.write_text(json.dumps(document(paths)))

    def added(self, settings: Settings) -> Settings:
        """The settings, with this source beside the others."""
        source = SourceSettings(openapi=str(self.path), base_url="https://shop.example", scopes={"get_secret": ("mcp:admin",)})
        return settings.model_copy(update={"sources": {**settings.sources, "shop": source}})

    async def refresh(self, server: Served, **said: str) -> None:
        """Have the server read a new document, and return when it serves it; other replicas follow."""
        self.offer(**said)
        await server.application.roster.refresh("shop")
        await server.application.roster.follow()


def shop(folder: Path) -> Shop:
    """A shop as it begins."""
    made = Shop(folder / "shop.json")
    made.offer()
    return made


def _operation(name: str, text: str) -> Mapping[str, object]:
    return {"operationId": name, "summary": text, "responses": {"200": {"description": "ok"}}}
