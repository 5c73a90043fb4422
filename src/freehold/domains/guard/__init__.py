"""Room: what goes in fits the tool, what comes out is marked as data and bounded. Injection detection comes later."""
