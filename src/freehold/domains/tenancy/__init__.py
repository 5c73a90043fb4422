"""The SaaS's customers: who they are, on which plan, and whether they may act."""
