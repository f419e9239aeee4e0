"""The event-driven evaluator: which alarms does an event touch, and what are they owed; pure."""
