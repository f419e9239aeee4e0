"""Time constraints as Aodh writes them; that they can be kept is checked by who decides."""

from faultwire.faces.alarming.fields import items, needed, only, table, text, whole, wrong

KEYS = ("name", "description", "start", "duration", "timezone")
CONSTRAINTS_LIMIT = 20
LONGEST_S = 31_622_400
"""A leap year."""


def constraints_of(value: object, path: str = "time_constraints") -> tuple[dict[str, object], ...]:
    """Return the constraints with Aodh's defaults; raises Invalid."""
    found: list[dict[str, object]] = []
    for place, item in enumerate(items(value, path, CONSTRAINTS_LIMIT)):
        one = _constraint(item, f"{path}[{place}]")
        if any(other["name"] == one["name"] for other in found):
            sentence = "Time constraint names must be unique for a given alarm."
            raise wrong(f"{path}[{place}].name", one["name"], sentence)
        found.append(one)
    return tuple(found)


def _constraint(value: object, path: str) -> dict[str, object]:
    item = table(value, path)
    only(item, KEYS, path)
    start = needed(item.get("start"), f"{path}.start")
    duration = whole(item.get("duration"), f"{path}.duration", LONGEST_S, least=0, default=None)
    about = text(item.get("description"), f"{path}.description", None)
    return {
        "name": needed(item.get("name"), f"{path}.name"),
        "description": about or f"Time constraint at {start} lasting for {duration} seconds",
        "start": start,
        "duration": duration,
        "timezone": text(item.get("timezone"), f"{path}.timezone", ""),
    }
