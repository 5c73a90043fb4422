"""Sources made from OpenAPI documents: read, compile to tools, invoke."""
