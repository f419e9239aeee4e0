"""The notifier: which alarms events touch (`evaluator`), and telling their owners (`delivery`)."""
