"""The fault face: our own API, v1."""
