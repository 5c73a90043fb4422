"""Room: running a tool call. Finds the tool, walks the corridor, has the outcome recorded before it is answered."""
