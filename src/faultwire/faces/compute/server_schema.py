"""Bodies of requests for servers, by version."""

from typing import Any

from faultwire.faces.compute.schema import BOOLEAN, Schema

NAME: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    # Nova's own: nothing but what can be printed, and no white space at either end.
    "pattern": r"^(?![\s])[^\x00-\x1f\x7f]*(?<![\s])$",
}
LONG_TEXT: Schema = {"type": ["string", "null"], "maxLength": 255}
HOSTNAME: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "pattern": "^[a-zA-Z0-9-._]*$",
}
WORD: Schema = {"type": "string", "minLength": 1, "maxLength": 255}
ID: Schema = {"type": ["string", "integer"], "minLength": 1, "maxLength": 255}
COUNT: Schema = {"type": ["integer", "string"], "pattern": "^[0-9]{1,4}$", "minimum": 1}
IPV4: Schema = {"type": "string", "format": "ipv4"}
IPV6: Schema = {"type": "string", "format": "ipv6"}
_NETWORK: dict[str, Schema] = {
    "uuid": {"type": "string", "format": "uuid"},
    "port": {"type": ["string", "null"], "format": "uuid"},
    "fixed_ip": {"anyOf": [IPV4, IPV6]},
}
TAGGED = 32
NAMED_NETWORKS = 37
"""Versions from which on a network may have a tag, and the list may be a word."""
METADATA: Schema = {"type": "object"}
"""Its keys and values are looked at one by one: see `faces.compute.metadata`."""

_CREATE: dict[str, Schema] = {
    "name": NAME,
    "imageRef": {"type": "string", "maxLength": 255},
    "flavorRef": ID,
    "adminPass": {"type": "string", "maxLength": 255},
    "metadata": METADATA,
    "availability_zone": WORD,
    "key_name": WORD,
    "min_count": COUNT,
    "max_count": COUNT,
    "return_reservation_id": BOOLEAN,
    "security_groups": {"type": "array", "items": {"type": "object"}, "maxItems": 64},
    "config_drive": {"anyOf": [BOOLEAN, {"type": "null"}]},
    "user_data": {"type": ["string", "null"], "maxLength": 65535},
    "block_device_mapping": {"type": "array", "items": {"type": "object"}, "maxItems": 255},
    "block_device_mapping_v2": {"type": "array", "items": {"type": "object"}, "maxItems": 255},
    "OS-DCF:diskConfig": {"type": "string", "enum": ["AUTO", "MANUAL"]},
    "accessIPv4": IPV4,
    "accessIPv6": IPV6,
}
_SINCE: dict[int, dict[str, Schema]] = {
    19: {"description": LONG_TEXT},
    74: {"host": HOSTNAME, "hypervisor_hostname": HOSTNAME},
    90: {"hostname": WORD},
}
_REQUIRED: dict[int, str] = {1: "flavorRef", NAMED_NETWORKS: "networks"}


def create(minor: int) -> Schema:
    """Return the schema of a request for new servers."""
    properties = {**_CREATE, "networks": networks(minor)}
    for since, more in _SINCE.items():
        if minor >= since:
            properties |= more
    required = ["name", *(name for since, name in _REQUIRED.items() if minor >= since)]
    server = _object(properties, *required)
    hints = {"type": "object"}
    return _object(
        {"server": server, "os:scheduler_hints": hints, "OS-SCH-HNT:scheduler_hints": hints},
        "server",
    )


def networks(minor: int) -> Schema:
    """Return the schema of the networks that a new server is wanted on."""
    properties = dict(_NETWORK)
    if minor >= TAGGED:
        properties["tag"] = {"type": "string", "minLength": 1, "maxLength": 60}
    listed: Schema = {"type": "array", "items": _object(properties), "maxItems": 64}
    if minor < NAMED_NETWORKS:
        return listed
    return {"anyOf": [listed, {"type": "string", "enum": ["none", "auto"]}]}


def update(minor: int) -> Schema:
    """Return the schema of a change of what a server is called."""
    properties: dict[str, Schema] = {
        "name": NAME,
        "OS-DCF:diskConfig": _CREATE["OS-DCF:diskConfig"],
        "accessIPv4": _CREATE["accessIPv4"],
        "accessIPv6": _CREATE["accessIPv6"],
    }
    if minor >= 19:
        properties["description"] = LONG_TEXT
    return _object({"server": _object(properties)}, "server")


EMPTY: Schema = {"type": ["null", "object", "string"]}
"""What follows the name of an action that takes nothing."""

REBOOT: Schema = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "enum": ["HARD", "Hard", "hard", "SOFT", "Soft", "soft"]}
    },
    "required": ["type"],
    "additionalProperties": False,
}
RESET: Schema = {
    "type": "object",
    "properties": {"state": {"type": "string", "enum": ["active", "error"]}},
    "required": ["state"],
    "additionalProperties": False,
}


def lock(minor: int) -> Schema:
    """Return the schema of a lock."""
    if minor < 73:
        return EMPTY
    return {
        "type": ["object", "null"],
        "properties": {"locked_reason": {"type": "string", "minLength": 1, "maxLength": 255}},
        "additionalProperties": False,
    }


def evacuate(minor: int) -> Schema:
    """Return the schema of an evacuation."""
    properties: dict[str, Schema] = {
        "host": HOSTNAME,
        "adminPass": {"type": "string", "maxLength": 255},
    }
    required = []
    if minor < 14:
        properties["onSharedStorage"] = BOOLEAN
        required = ["onSharedStorage"]
    if 29 <= minor < 68:
        properties["force"] = BOOLEAN
    return _object(properties, *required)


def _object(properties: dict[str, Schema], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
