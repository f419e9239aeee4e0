"""Monitors notice: they turn signals into reports and hand them to the one lane."""
