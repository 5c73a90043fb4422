"""Room: where tools come from. OpenAPI documents and Python functions; later GraphQL and MCP servers."""
