"""The agent: the process on a compute host that says that it lives and what runs there."""
