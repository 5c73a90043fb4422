"""Clients: who they are, where answers to them may go, how they register and prove who they are."""
