"""The administrative HTTP API: what the SaaS's own code does about its tenants, with one secret of the operator's."""
