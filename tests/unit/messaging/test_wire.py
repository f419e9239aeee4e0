"""Bytes of calls and answers, proofs of senders, and the lines to the process that takes calls."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultwire.domain.errors import (
    NoAnswer,
    NoConsumer,
    RefusedArguments,
    RefusedSender,
    RefusedVersion,
    RemoteFailure,
    RpcError,
)
from faultwire.messaging import relay
from faultwire.messaging.dispatch import Dispatcher, Envelope
from faultwire.messaging.seals import door, proof, sealer, unsealed
from faultwire.messaging.table import GUESTAGENT, TABLE
from faultwire.messaging.versions import Form, Version
from faultwire.messaging.wire import Call, Reply, decode, encode
from tests.rpc.handlers import Handlers

CALL = Call(
    "t1",
    "guestagent",
    "restart",
    Form(Version(1, 1), {"reason": "hung"}),
    "guestagent.g1",
    "reply_1",
    {"sender": "faultwire"},
)


def reply(**inner: Any) -> bytes:
    """Return the body of an answer."""
    text = orjson.dumps({"_msg_id": "t1", **inner}).decode()
    return orjson.dumps({"oslo.version": "2.0", "oslo.message": text})


def failure(name: str, **more: Any) -> bytes:
    """Return the body of a failure, as oslo.messaging writes it."""
    told = {"class": name, "module": "m", "message": "why", "tb": [], "args": [], **more}
    return reply(result=None, failure=orjson.dumps(told).decode(), ending=True)


def test_a_call_is_written_as_the_library_writes_it() -> None:
    """The envelope and its keys are those of oslo.messaging 2.0."""
    outer = orjson.loads(encode(CALL))
    assert outer["oslo.version"] == "2.0"
    assert orjson.loads(outer["oslo.message"]) == {
        "method": "restart",
        "args": {"reason": "hung"},
        "version": "1.1",
        "namespace": "guestagent",
        "_msg_id": "t1",
        "_reply_q": "reply_1",
        "_timeout": None,
        "_unique_id": "t1",
        "_context_sender": "faultwire",
    }


def test_answers_are_read() -> None:
    """A value, a failure of each kind, and a sign of life, which is no answer."""
    assert decode(reply(result=[1], failure=None, ending=True)) == Reply("t1", [1])
    assert decode(reply(result=None, failure=None, ending=False)) is None
    kinds = {
        "UnsupportedVersion": RefusedVersion,
        "NoSuchMethod": RefusedVersion,
        "RefusedArguments": RefusedArguments,
        "RefusedSender": RefusedSender,
        "ValueError": RemoteFailure,
    }
    for name, kind in kinds.items():
        found = decode(failure(name, kwargs={"speaks": "1.0"}))
        assert found is not None
        assert (found.failure, found.reason, found.speaks) == (kind, "why", "1.0")
        error = found.error("there", "does")
        assert (type(error), str(error)) == (kind, "does to there: why")


@given(st.binary(max_size=200))
def test_bytes_of_anybody_are_read_or_passed_over(body: bytes) -> None:
    """Whatever arrives on our queue, reading it raises nothing."""
    assert decode(body) is None or decode(body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["_msg_id", "failure", "result", "ending", "class", "kwargs"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=10,
    )
)
def test_documents_of_anybody_are_read_or_passed_over(inner: Any) -> None:
    """The same for well-formed envelopes with anything in them, failures within too."""
    for told in (inner, {"_msg_id": "t", "failure": orjson.dumps(inner).decode()}):
        text = orjson.dumps(told).decode()
        found = decode(orjson.dumps({"oslo.version": "2.0", "oslo.message": text}))
        assert found is None or found.token in ("t", found.token)


# ---------------------------------------------------------------- proofs


def _envelope(call: Call, context: Any, **other: Any) -> Envelope:
    parts = {
        "api": call.api,
        "method": call.method,
        "version": str(call.form.version),
        "arguments": dict(call.form.arguments),
        **other,
    }
    return Envelope(**parts, context=context)


def test_a_door_believes_the_right_key_alone() -> None:
    """A proof covers sender, API, method, topic, version and arguments."""
    context = sealer("guest/g1", lambda _: b"key")(CALL)
    check = door({"guest/g1": b"key", "guest/g2": b"other"}.get)
    check("guestagent.g1", _envelope(CALL, context))
    wrong: list[tuple[str, Envelope]] = [
        ("guestagent.g2", _envelope(CALL, context)),
        ("guestagent.g1", _envelope(CALL, context, method="rpc_ping")),
        ("guestagent.g1", _envelope(CALL, context, arguments={"reason": "other"})),
        ("guestagent.g1", _envelope(CALL, context, version="1.0")),
        ("guestagent.g1", _envelope(CALL, {**context, "sender": "guest/g2"})),
        ("guestagent.g1", _envelope(CALL, {**context, "sender": "nobody"})),
        ("guestagent.g1", _envelope(CALL, {**context, "proof": "ä"})),
        ("guestagent.g1", _envelope(CALL, {})),
        ("guestagent.g1", _envelope(CALL, unsealed(CALL))),
    ]
    for topic, envelope in wrong:
        with pytest.raises(RefusedSender):
            check(topic, envelope)
    check("guestagent.g1", _envelope(CALL, {}, api="baseapi"))


def test_the_order_of_arguments_does_not_matter() -> None:
    """The proof is made of sorted keys: a broker's other end may order them anew."""
    place = ("a", "m", "t")
    one = proof(b"k", "s", place, "1.0", {"a": 1, "b": {"c": 1, "d": 2}})
    assert one == proof(b"k", "s", place, "1.0", {"b": {"d": 2, "c": 1}, "a": 1})


async def test_a_dispatcher_asks_its_door_first() -> None:
    """Who did not prove who it is does not learn whether the method exists."""
    handlers = Handlers(GUESTAGENT)
    dispatcher = Dispatcher(TABLE, "guestagent.g1", door(lambda _: None))
    dispatcher.add(GUESTAGENT, handlers)
    with pytest.raises(RefusedSender):
        await dispatcher.dispatch(_envelope(CALL, {}, method="unknown"))
    assert handlers.asked == []
    asked = Envelope("baseapi", "get_versions", "1.1", {}, {})
    assert await dispatcher.dispatch(asked) == {"baseapi": "1.1", "guestagent": "1.2"}


async def test_an_answer_that_is_too_large_is_a_failure() -> None:
    """A handler cannot flood the bus."""
    handlers = Handlers(GUESTAGENT)
    handlers.instead["restart"] = "x" * 70_000
    dispatcher = Dispatcher(TABLE, "guestagent.g1")
    dispatcher.add(GUESTAGENT, handlers)
    with pytest.raises(RemoteFailure, match="too large"):
        await dispatcher.dispatch(_envelope(CALL, {}))


# ---------------------------------------------------------------- lines to the process


def test_calls_and_answers_go_through_pipes_unchanged() -> None:
    """A call, a value and each error come out of a line as they went in."""
    envelope = _envelope(CALL, {"sender": "guest/g1"})
    assert relay.read_call(relay.call_line(7, "t", envelope)) == (7, "t", envelope)
    assert relay.read_answer(relay.answer_line(7, {"a": 1})) == (7, {"a": 1}, None)
    for kind in (NoAnswer, NoConsumer, RefusedArguments, RefusedSender, RemoteFailure):
        number, value, error = relay.read_answer(relay.answer_line(7, error=kind("t", "m", "r")))
        assert (number, value, type(error), str(error)) == (7, None, kind, "m to t: r")
        assert isinstance(error, RpcError)
