"""The ledger's writer on PostgreSQL: one raw connection, three round trips a block."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Final, Protocol, TypeVar

from freehold.domains.ledger.appender import BLOCK, ENTRY, UNREACHABLE, Clash, Durability, block_row, place
from freehold.domains.ledger.blocks import Block, Sealed
from freehold.domains.ledger.tables import ledger_entries
from freehold.kit.db import RAW_SYSTEM
from freehold.kit.errors import Unavailable

T = TypeVar("T")


class _Connection(Protocol):
    """What is used of the driver's connection."""

    async def execute(self, query: str, *args: object) -> str: ...
    async def fetch(self, query: str, *args: object) -> Sequence[Any]: ...
    def terminate(self) -> None: ...


Raw = AbstractAsyncContextManager[_Connection]
"""A raw connection of `Database.raw`, held while its block runs."""

_WAIT_FOR_DISK: Final = "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
_BEGIN: Final[dict[Durability, str]] = {"process": f"BEGIN; {RAW_SYSTEM}", "power": f"BEGIN; {RAW_SYSTEM}; {_WAIT_FOR_DISK}"}
_PG_TYPES: Final = {"BIGINT": "bigint", "TEXT": "text", "BLOB": "bytea"}
_ARRAYS: Final = ", ".join(f"${number}::{_PG_TYPES[str(column.type)]}[]" for number, column in enumerate(ledger_entries.c, len(BLOCK) + 1))
_PG_BLOCK: Final = f"INSERT INTO ledger_blocks ({', '.join(BLOCK)}) VALUES ($1, $2, $3, $4, $5, $6, $7)"  # noqa: S608  same
_PG_ENTRIES: Final = f"INSERT INTO ledger_entries ({', '.join(ENTRY)}) SELECT * FROM unnest({_ARRAYS})"  # noqa: S608  same
_PG_APPEND: Final = f"WITH block AS ({_PG_BLOCK}) {_PG_ENTRIES}"
_PG_HOLDS: Final = "SELECT 1 FROM ledger_blocks WHERE writer = $1 AND block = $2 AND digest = $3"
_PG_KNOWN: Final = "SELECT id FROM ledger_entries WHERE id = ANY($1::text[])"
_UNIQUE_VIOLATION: Final = "23505"


class PostgresAppender:
    """Writes through one held connection. COPY is not allowed under row-level security, so a batch is one `unnest`.

    `process` keeps the server's own synchronous_commit; `power` raises it to `on` where the server has it off.
    """

    def __init__(self, raw: Callable[[], Raw], durability: Durability) -> None:
        """Take the way to a connection; nothing is opened yet."""
        self._raw = raw
        self._begin = _BEGIN[durability]
        self._held = AsyncExitStack()
        self._connection: _Connection | None = None

    async def open(self) -> None:
        """Connect and look into the table as the role that writes it."""
        await self.close()
        await self.known([])

    async def append(self, seal: Callable[[], Sealed]) -> None:
        """Begin, insert, commit."""
        sealed = seal()
        columns = zip(*sealed.rows, strict=True)
        await self._transaction(lambda connection: connection.execute(_PG_APPEND, *block_row(sealed.block), *columns))

    async def holds(self, block: Block) -> bool:
        """One look."""
        return bool(await self._transaction(lambda connection: connection.fetch(_PG_HOLDS, *place(block))))

    async def known(self, ids: Sequence[str]) -> set[str]:
        """One look for all of them."""
        return {row["id"] for row in await self._transaction(lambda connection: connection.fetch(_PG_KNOWN, list(ids)))}

    async def close(self) -> None:
        """Drop the connection and give its place in the pool back. Again is nothing."""
        connection, self._connection = self._connection, None
        held, self._held = self._held, AsyncExitStack()
        if connection is not None:
            connection.terminate()
        await held.aclose()

    async def _transaction(self, work: Callable[[_Connection], Awaitable[T]]) -> T:
        try:
            connection = self._connection or await self._connect()
            await connection.execute(self._begin)
            result = await work(connection)
            await connection.execute("COMMIT")
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001  the driver's door: it is typed by its shape here, its exceptions by their SQLSTATE
            state: str = getattr(error, "sqlstate", None) or type(error).__name__
            await self.close()
            if state == _UNIQUE_VIOLATION:
                raise Clash from None
            raise Unavailable(UNREACHABLE.format(why=state)) from None
        return result

    async def _connect(self) -> _Connection:
        self._connection = connection = await self._held.enter_async_context(self._raw())
        return connection
