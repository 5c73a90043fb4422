"""Do calls arrive as real OpenAPI documents ask? Measured through the official client, judged by a second reading of each document."""
