"""The authorization server's doors: endpoints that programs call, and the two pages people see."""
