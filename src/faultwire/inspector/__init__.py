"""The inspector: de-duplicates reports, finds who is affected, and says what ought to be true.

Pure: a report and a view go in, a plan and a decision record come out.
"""
