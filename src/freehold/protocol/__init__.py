"""MCP on paper: messages, revisions and their rules. Pure: no sockets, no database, no tenants."""
