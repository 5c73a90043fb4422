"""Exports through the front door: every page of a tool as one file, which its maker alone can read for a while."""

from pathlib import Path

import pytest

from freehold.settings import Settings
from tests.exports import Shop, contents, export, in_front_of, outcome

pytestmark = pytest.mark.anyio

ORDERS = [{"id": number, "note": f"order {number}"} for number in range(5)]


async def test_all_pages_become_one_csv_file(settings: Settings, tmp_path: Path) -> None:
    """Three pages are five rows of one file behind a link; nothing of it is in the answer itself."""
    shop = Shop(ORDERS)
    async with in_front_of(shop, settings, tmp_path) as server:
        exported = await export(server)
        made = outcome(exported)
        assert shop.asked == ["", "2", "4"]
        assert (made["rows"], made["reason"], made["why"], made["format"]) == (5, "complete", "", "csv")
        text, link = exported.json["result"]["content"]
        assert link == {
            "type": "resource_link",
            "uri": made["uri"],
            "name": "list_orders.csv",
            "mimeType": "text/csv",
            "size": made["bytes"],
        }
        assert "5 rows of list_orders" in text["text"]
        assert "order 3" not in exported.body.decode()
        file = await contents(server, exported)
        assert file == {
            "uri": made["uri"],
            "mimeType": "text/csv",
            "text": "id,note\r\n0,order 0\r\n1,order 1\r\n2,order 2\r\n3,order 3\r\n4,order 4\r\n",
        }
        assert len(file["text"]) == made["bytes"]
