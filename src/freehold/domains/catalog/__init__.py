"""Room: which tools a caller sees. Edits, versions and budgets come with the catalog issue of the roadmap."""
