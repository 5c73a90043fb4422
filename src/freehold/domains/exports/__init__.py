"""Room: the pages of a tool read to their end, as one file that its caller alone can fetch for a while."""
