"""Who is calling: access tokens, API keys, revocation, the keys we sign with and what we publish about them."""
