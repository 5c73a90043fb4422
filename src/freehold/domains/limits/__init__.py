"""Room: how fast and how much a tenant may call. Spends from `State` what the plan allows."""
