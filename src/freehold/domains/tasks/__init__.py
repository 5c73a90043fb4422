"""Room: calls that outlive their request. Durable tasks a client polls, answers and cancels (extension io.modelcontextprotocol/tasks)."""
