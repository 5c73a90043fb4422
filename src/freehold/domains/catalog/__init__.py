"""Room: which tools, resources and prompts a caller sees. Edits and budgets come with the catalog issue of the roadmap."""
