"""The doors: bytes in, bytes out. Decides nothing that a room could decide."""
