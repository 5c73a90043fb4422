"""`freehold doctor` and `freehold migrate`: what each part says of itself, and the schema brought up to date."""

from pathlib import Path

import typer

from freehold.app import build
from freehold.cli.asking import REFUSED, one, settings_of
from freehold.kit import migrate
from freehold.kit.crypto import private_folder


async def diagnose(config: Path | None, *, as_json: bool) -> int:
    """Exit code 0 when every part is well."""
    said = await build(settings_of(config)).diagnose()
    one(said, as_json=as_json)
    return 0 if all(text == "ok" or text.startswith("ok,") for text in said.values()) else REFUSED


async def bring_up_to_date(config: Path | None) -> None:
    """Migrate and say where the schema stands."""
    settings = settings_of(config)
    if not settings.database_url.get_secret_value():
        private_folder(settings.data)
    await migrate.migrate(settings.database)
    typer.echo(f"The schema is up to date ({migrate.HEAD}).")
