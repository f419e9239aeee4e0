"""Questions from server to server over their datagrams: sent until answered, done once.

A question is asked again while no answer comes; who is asked remembers what it answered, so that
a lost datagram costs time and never does a thing twice. Both are JSON, and small.
"""

import asyncio
import logging
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from faultwire.domain.errors import Unavailable

log = logging.getLogger(__name__)

AGAIN_SECONDS = 0.2
MOST_BYTES = 60_000
"""Longest question or answer; a datagram holds no more."""
REMEMBERED = 4096
"""Questions whose answers are kept, for who asks again."""

Question = Mapping[str, Any]
Answerer = Callable[[Question], Awaitable[Question]]
"""Answers a question; what it raises is told as a failure."""

Send = Callable[[bytes, Any], None]
"""Sends a datagram to an address; never waits, never fails."""


async def _nobody(question: Question) -> Question:
    del question
    return {"failure": "nobody answers here"}


class Asks:
    """Both ends of questions; on the event loop."""

    def __init__(self, ask: Send, answer: Send) -> None:
        """Take how questions and answers are sent."""
        self._send = ask
        self._reply = answer
        self._answerer: Answerer = _nobody
        self._waiting: dict[str, asyncio.Future[Question]] = {}
        self._done: OrderedDict[str, bytes | None] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def answer_by(self, answerer: Answerer) -> None:
        """Have questions answered from now on."""
        self._answerer = answerer

    async def ask(self, address: str, question: Question, seconds: float) -> Question:
        """Return the answer; raises Unavailable where none comes in time."""
        name = uuid.uuid4().hex
        body = orjson.dumps({"id": name, "ask": question})
        if len(body) > MOST_BYTES:
            raise Unavailable("the question is too large")
        answer: asyncio.Future[Question] = asyncio.get_running_loop().create_future()
        self._waiting[name] = answer
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self._send(body, address)
                    done, _ = await asyncio.wait({answer}, timeout=AGAIN_SECONDS)
                    if done:
                        return answer.result()
        except TimeoutError:
            raise Unavailable(f"no answer from {address} in {seconds:g} s") from None
        finally:
            del self._waiting[name]

    def asked(self, body: bytes, address: object) -> None:
        """Take a question; one that was answered already is answered the same."""
        value = _read(body)
        name = value.get("id")
        question = value.get("ask")
        if not isinstance(name, str) or not isinstance(question, dict):
            return
        if name in self._done:
            known = self._done[name]
            if known is not None:
                self._reply(known, address)
            return
        self._done[name] = None
        while len(self._done) > REMEMBERED:
            self._done.popitem(last=False)
        task = asyncio.get_running_loop().create_task(self._answer(name, question, address))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def answered(self, body: bytes) -> None:
        """Take an answer; one that nobody waits for is passed over."""
        value = _read(body)
        waiting = self._waiting.get(str(value.get("id")))
        answer = value.get("answer")
        if waiting is not None and not waiting.done() and isinstance(answer, dict):
            waiting.set_result(answer)

    async def _answer(self, name: str, question: Question, address: object) -> None:
        try:
            answer = await self._answerer(question)
        except Exception:
            log.exception("a question of another server could not be answered")
            answer = {"failure": "internal error"}
        body = orjson.dumps({"id": name, "answer": answer})
        if len(body) > MOST_BYTES:
            body = orjson.dumps({"id": name, "answer": {"failure": "the answer is too large"}})
        if name in self._done:
            self._done[name] = body
        self._reply(body, address)


def _read(body: bytes) -> Mapping[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
