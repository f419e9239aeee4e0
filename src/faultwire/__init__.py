"""Faultwire: a fault is noticed, everyone it concerns is found, and their owners are told.

The package's own layout is the path of a fault; ARCHITECTURE.md draws it.
"""

__version__ = "0.1.0"
