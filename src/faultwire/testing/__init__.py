"""Shipped doubles: they pass the same contract suites as what they stand for."""
