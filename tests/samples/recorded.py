"""Notifications of OpenStack's services in the shapes that they publish."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("notifications")


def sample(name: str) -> dict[str, Any]:
    """Return a notification: publisher_id, event_type, priority and payload."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found
