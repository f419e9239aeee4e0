"""The client's own parts: what a refusal says."""

import pytest

from faultwire.client import ClientError, Session, message_of


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"error": {"code": 404, "title": "Not Found", "message": "no such"}}, "no such"),
        ({"error_message": {"faultstring": "bad alarm", "faultcode": "Client"}}, "bad alarm"),
        ({"badRequest": {"code": 400, "message": "bad server"}}, "bad server"),
        ({"NeutronError": {"type": "X", "message": "bad port", "detail": ""}}, "bad port"),
        ({"detail": "bad field"}, "bad field"),
        ("<html>proxy</html>", "<html>proxy</html>"),
    ],
)
def test_the_servers_sentence_is_found_in_any_faces_body(body: object, text: str) -> None:
    """Keystone's, Aodh's, Nova's, Neutron's and plain text, with the status behind it."""
    assert message_of(404, body) == f"{text} (HTTP 404)"


@pytest.mark.parametrize("body", [None, {}, [], 7, {"error": {"code": 1}}, ""])
def test_a_body_without_a_sentence_leaves_the_status(body: object) -> None:
    """There is always something to print."""
    assert message_of(502, body) == "HTTP 502"


def test_a_long_answer_is_cut() -> None:
    """A page of HTML does not fill the terminal."""
    assert len(message_of(500, "x" * 10_000)) < 500


@pytest.mark.filterwarnings("ignore:Support for InfluxDB")
def test_a_session_asks_nobody_before_its_first_call() -> None:
    """Making one reads no file; an unknown cloud is a ClientError at the first call."""
    session = Session("no-such-cloud-of-ours")
    with pytest.raises(ClientError, match="no-such-cloud-of-ours"):
        session.token()
