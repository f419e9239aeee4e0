"""The one way to oslo.messaging: threads instead of eventlet, and a configuration of our own.

Importing this module imports the library, which takes about half a second: processes that need
no broker do not import it. What the library registers on oslo.config's global configuration is
never read here; its options ride in the URL (`addresses.Broker.oslo_url`).
"""

from typing import Any

from oslo_config import cfg
from oslo_service import backend

# Before the library is imported: its default is eventlet, which is absent.
backend.init_backend(backend.BackendType.THREADING)

import oslo_messaging  # noqa: E402
from oslo_messaging import opts  # noqa: E402
from oslo_messaging._metrics import client as metrics  # noqa: E402
from oslo_messaging._tracing import client as tracing  # noqa: E402

from faultwire.messaging import tls  # noqa: E402
from faultwire.messaging.addresses import Broker  # noqa: E402
from faultwire.messaging.topics import EXCHANGE  # noqa: E402

library: Any = oslo_messaging
"""The library itself: who imports it by its own name may do so before the line above."""


def _configuration(exchange: str) -> cfg.ConfigOpts:
    """Return a configuration that no file and no variable of the environment reaches."""
    conf = cfg.ConfigOpts()
    conf(args=[], project="faultwire", default_config_files=[], default_config_dirs=[],
         use_env=False)  # fmt: skip
    # The library looks for these on every configuration and registers them on its global one.
    conf.register_opts(tracing.oslo_messaging_tracing, group="oslo_messaging_tracing")
    conf.register_opts(metrics.oslo_messaging_metrics, group="oslo_messaging_metrics")
    for group, options in opts.list_opts():
        if group is None:
            conf.register_opts(options)
    conf.set_override("control_exchange", exchange)
    return conf


def rpc_transport(broker: Broker, exchange: str = EXCHANGE) -> Any:
    """Return a transport for calls; touches no network yet."""
    conf = _configuration(exchange)
    return oslo_messaging.get_rpc_transport(conf, url=tls.for_library(broker).oslo_url)


def notification_transport(broker: Broker, exchange: str = EXCHANGE) -> Any:
    """Return a transport for notifications; touches no network yet."""
    conf = _configuration(exchange)
    return oslo_messaging.get_notification_transport(conf, url=tls.for_library(broker).oslo_url)


def target(topic: str, exchange: str | None = None) -> Any:
    """Return where a message goes or comes from."""
    return oslo_messaging.Target(topic=topic, exchange=exchange)
