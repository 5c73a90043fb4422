"""Room: where tools come from. OpenAPI documents, GraphQL schemas and Python functions; later MCP servers."""
