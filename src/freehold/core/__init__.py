"""The nouns every room shares: principal, tool, call, deed, plan, refusals. Pure values, no I/O."""
