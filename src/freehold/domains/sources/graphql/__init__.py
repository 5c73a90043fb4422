"""Sources made from GraphQL schemas: read or introspect, compile root fields to tools, invoke."""
