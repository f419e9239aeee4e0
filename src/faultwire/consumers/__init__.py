"""Consumers: the other side of a webhook; the reference receiver and the fail-over hook."""
