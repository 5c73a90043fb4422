"""The one book: every call and every deed, committed before it is acknowledged, chained so that a change shows.

`writer.Ledger` writes, `book.Book` reads. Quotas, usage, audit and bills are read from here; nothing else counts."""
