"""Aodh's API served by the standard library: `aodh_api.py CONFIG PORT`, in the small cloud."""

import socketserver
import sys
from wsgiref.simple_server import WSGIServer, make_server

from aodh.api import app  # type: ignore[import-not-found]


class Server(socketserver.ThreadingMixIn, WSGIServer):
    """One thread a request."""

    daemon_threads = True


if __name__ == "__main__":
    application = app.build_wsgi_app(argv=["--config-file", sys.argv[1]])
    make_server("127.0.0.1", int(sys.argv[2]), application, server_class=Server).serve_forever()
