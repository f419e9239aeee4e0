"""Neutron's API, as far as faults of the data plane concern it (S82-S115)."""
