"""The map of resources and what holds them, in memory: one writer (the loop), pure."""
