"""Operators' commands. Every module here only parses words, calls the roof or a room, and prints."""
