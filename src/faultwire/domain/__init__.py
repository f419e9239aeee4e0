"""Nouns that two or more floors share: frozen values, enums and tables; no I/O, no clock."""
