"""Other MCP servers as sources: their tools, resources and prompts under names of their own."""
