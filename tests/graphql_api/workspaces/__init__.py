"""Workspaces, their members, plans and keys: each is tried on a team of its own."""
