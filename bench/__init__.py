"""Benchmarks: each a ratio against a floor measured in the same run."""

import os
import sys

# While `python -m` looks for the module it is to run, and imports this package for that, the
# command's name is "-m". Tests that import a part of a bench keep their own environment.
if sys.argv[0] == "-m":
    # They let the same hosts fail hundreds of times: what guards on acts are there to stop.
    os.environ.setdefault("OS_GUARDS__FLAP_ACTS", "0")
    os.environ.setdefault("OS_GUARDS__LIMIT_HOSTS", "1000000")
