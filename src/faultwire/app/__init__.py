"""The composition root: everything is wired here, once, and nowhere else."""
