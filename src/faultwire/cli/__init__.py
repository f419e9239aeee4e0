"""The `faultwire` command: clients of the faces, and the processes."""
