"""The rooms. Each owns one capability with its tables, SQL and use cases; no room imports another."""
