"""The database face: Trove's instances as far as faults go, and rpc_ping."""
