"""One image for Nova to start servers from: the little of Glance that Nova asks for.

Run as a program: `glance.py PORT`. Everything else of the small cloud is the real service.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

IMAGE_ID = "6f1c2a52-2b7e-4a43-9a39-1f2f5f7d9b11"

IMAGE = {
    "id": IMAGE_ID,
    "name": "tiny",
    "status": "active",
    "visibility": "public",
    "protected": False,
    "owner": "tests",
    "size": 1024,
    "min_disk": 0,
    "min_ram": 0,
    "disk_format": "qcow2",
    "container_format": "bare",
    "checksum": "0" * 32,
    "tags": [],
    "locations": [],
    "created_at": "2024-01-01T00:00:00Z",
    "updated_at": "2024-01-01T00:00:00Z",
    "schema": "/v2/schemas/image",
    "self": f"/v2/images/{IMAGE_ID}",
    "file": f"/v2/images/{IMAGE_ID}/file",
}

SCHEMA = {
    "name": "image",
    "properties": {name: {} for name in IMAGE},
    "additionalProperties": {"type": "string"},
}


class Handler(BaseHTTPRequestHandler):
    """Answers reads; there is nothing to write."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        host, port = self.server.server_address[:2]
        version = {
            "id": "v2.9",
            "status": "CURRENT",
            "links": [{"rel": "self", "href": f"http://{host!s}:{port}/v2/"}],
        }
        path = self.path.partition("?")[0].rstrip("/")
        known: dict[str, tuple[int, object]] = {
            "": (300, {"versions": [version]}),
            "/versions": (200, {"versions": [version]}),
            "/v2/images": (200, {"images": [IMAGE], "first": "/v2/images"}),
            f"/v2/images/{IMAGE_ID}": (200, IMAGE),
            "/v2/schemas/image": (200, SCHEMA),
        }
        status, document = known.get(path, (404, {"error": "not found"}))
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Keep quiet."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
