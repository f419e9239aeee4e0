"""Benchmarks: each a ratio against a floor measured in the same run."""

import os

# They let the same hosts fail hundreds of times: what guards on acts are there to stop.
os.environ.setdefault("OS_GUARDS__FLAP_ACTS", "0")
os.environ.setdefault("OS_GUARDS__LIMIT_HOSTS", "1000000")
