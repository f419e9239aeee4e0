"""`faultwire listener` and `faultwire dead-letters`: the message bus, for operators."""

import logging
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from faultwire.cli.output import print_json, print_rows
from faultwire.client import ClientError, Session

if TYPE_CHECKING:
    from faultwire.config.configuration import Configuration
    from faultwire.messaging.addresses import Broker
    from faultwire.messaging.reading import Verdict

PATH = "/v1/notifications"
CALL_SECONDS = 20.0
SHOWN = 200
"""Characters of a dead letter in a table."""

COLUMNS = (
    ("at", "At"),
    ("reason", "Reason"),
    ("exchange", "Exchange"),
    ("routing_key", "Routing key"),
    ("body", "Message"),
)

_config = click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Names the broker in [DEFAULT] transport_url, unless the environment does.",
)


class Bringer:
    """Brings what was heard to a server, by its API; for one thread."""

    def __init__(self, session: Session, broker: str, cloud: str = "") -> None:
        """Take the session of a user who may bring notifications, and who they are from."""
        self._of = {"cloud": cloud} if cloud else {}
        self._session = session
        self._broker = broker
        self._counts: Counter[str] = Counter()
        self._trouble: str | None = None

    def submit(self, told: Sequence[Mapping[str, Any]]) -> "Verdict":
        """Give messages to the server and return its word."""
        from faultwire.messaging.reading import Verdict, Word

        counts, self._counts = self._counts, Counter()
        body = {"messages": list(told), "counts": dict(counts), **self._of}
        try:
            self._session.request("POST", "fault", PATH, body=body)
        except ClientError as error:
            self._counts += counts
            return Verdict(Word(_WORDS.get(error.status, _word(error.status))), str(error))
        return Verdict(Word.TAKEN)

    def say(self, counts: Mapping[str, int], trouble: str) -> None:
        """Keep the counts for the server, and tell the operator what is wrong, once."""
        self._counts.update(counts)
        if trouble != self._trouble:
            self._trouble = trouble
            click.echo(trouble or f"listening to {self._broker}")


_WORDS = {None: "away", 401: "away", 403: "away", 429: "away", 503: "away"}
"""Answers that say nothing of the messages."""


def _word(status: int | None) -> str:
    return "failed" if status is not None and status >= 500 else "refused"


@click.command()
@_config
@click.option("--os-cloud", metavar="NAME", help="Cloud of clouds.yaml [OS_CLOUD].")
@click.option(
    "--cloud",
    default="",
    metavar="NAME",
    help="Whose bus it is, of the several that the server's [openstack] clouds names.",
)
def listener(config: Path | None, os_cloud: str | None, cloud: str) -> None:
    """Hear the notifications of other services, and bring them to a server.

    Any number may run: one hears everything, the others stand by. Prints `listening to …` once
    it does. SIGTERM and SIGINT stop it; what it has not brought by then stays on the broker.
    """
    from faultwire.messaging.listener import Listener
    from faultwire.monitors import notified
    from faultwire.telemetry import logs
    from faultwire.telemetry.clock import SystemClock

    settings, broker = _broker(config)
    logs.set_up(settings.server.log_level)
    bringer = Bringer(Session(os_cloud, timeout=CALL_SECONDS), str(broker), cloud)
    running = Listener(
        broker, settings.listener, bringer.submit, notified.notices, bringer.say, SystemClock()
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: running.stop())
    running.run()
    click.echo("stopped")


@click.command("dead-letters")
@_config
@click.option(
    "--most",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    metavar="N",
    help="How many, oldest first.",
)
@click.option("--again", is_flag=True, help="Have them listened to again, and forget them here.")
@click.option("--forget", is_flag=True, help="Forget them.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def dead_letters(
    config: Path | None, most: int, *, again: bool, forget: bool, as_json: bool
) -> None:
    """List notifications that nobody could take, each with its reason.

    What is only listed stays as it is.
    """
    if again and forget:
        raise click.UsageError("--again or --forget, not both")
    from faultwire.messaging import deadletters, wrong
    from faultwire.messaging.amqp import Opened

    settings, broker = _broker(config)
    try:
        opened = Opened(broker)
        try:
            deadletters.declare(opened, settings.listener, broker)
            rows = _rows(deadletters.letters(opened, settings.listener, most), opened, settings,
                         again=again, done=again or forget)  # fmt: skip
        finally:
            opened.close()
    except Opened.errors as error:
        raise click.ClickException(wrong.told(error)[0]) from None
    if as_json:
        print_json(rows)
        return
    shown = [{**row, "body": row["body"][:SHOWN]} for row in rows]
    print_rows(shown, COLUMNS, as_json=False, title="Dead letters", spare=("body",))


def _rows(
    found: Any, opened: Any, settings: "Configuration", *, again: bool, done: bool
) -> list[dict[str, str]]:
    from faultwire.messaging import deadletters

    rows = []
    for letter, message in found:
        if again:
            deadletters.revive(opened, settings.listener, letter)
        if done:
            message.ack()
        rows.append(
            {
                "at": letter.at,
                "reason": letter.reason,
                "exchange": letter.exchange,
                "routing_key": letter.routing_key,
                "body": letter.body.decode(errors="replace"),
            }
        )
    return rows


def _broker(config: Path | None) -> tuple["Configuration", "Broker"]:
    """Return the configuration and its broker; a ClickException where it has none."""
    from faultwire.config import configuration
    from faultwire.domain.errors import FaultwireError
    from faultwire.messaging import tls
    from faultwire.messaging.topics import check_listener

    try:
        settings = configuration.read(config)
        check_listener(settings.listener, settings.notifier.also_publish)
        broker = tls.configured(settings.default, settings.oslo_messaging_rabbit)
    except FaultwireError as error:
        logging.getLogger(__name__).debug("cannot listen", exc_info=True)
        raise click.ClickException(str(error)) from None
    if broker is None:
        raise click.ClickException("[DEFAULT] transport_url names no broker")
    return settings, broker
