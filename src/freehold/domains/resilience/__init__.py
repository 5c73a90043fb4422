"""Room: one call's trouble stays its own. Deadlines and concurrency caps; breakers come with the chaos drill."""
