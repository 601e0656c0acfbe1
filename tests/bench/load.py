"""The load: members' programs that post transfers over HTTP, as many at once as asked, each on its own line.

Runs as a process of its own (``python -m tests.bench.load``), because it competes for the same processor as
what it measures: it uses plain sockets and no HTTP library, and says how much processor time it took.
This file must never count an answer that is not a 201.
"""

import random
import re
import select
import socket
import sys
import time
from array import array
from typing import Final

import msgspec

LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
READ_AT_ONCE: Final = 65_536


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to send. The payer is a random member; so is the payee, unless all pay one (``hot``)."""

    host: str
    port: int
    path: str
    clients: int
    seconds: float
    tokens: list[str]
    payees: list[str]
    hot: str | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. ``cpu_seconds`` is this process's own; times are of requests answered by a 201."""

    posted: int
    seconds: float
    p50_ms: float
    p99_ms: float
    cpu_seconds: float
    wrong: int
    sample: str


class Line:
    """One connection, which waits for each answer before it sends the next request."""

    __slots__ = ("rest", "sent_at", "socket")

    def __init__(self, load: Load) -> None:
        self.socket = socket.create_connection((load.host, load.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self.rest = b""

    def send(self, request: bytes) -> None:
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def answer(self) -> bytes | None:
        """The whole answer, once it is here."""
        got = self.socket.recv(READ_AT_ONCE)
        if not got:
            raise ConnectionResetError("the server closed the line")
        got = self.rest + got
        head = got.find(b"\r\n\r\n")
        length = LENGTH.search(got, 0, head + 2) if head >= 0 else None
        if length is None or len(got) < head + 4 + int(length[1]):
            self.rest = got
            return None
        self.rest = b""
        return got


def requests(load: Load) -> list[bytes]:
    """The head of one request per token; key, length and body follow."""
    return [
        (
            f"POST {load.path} HTTP/1.1\r\nHost: {load.host}:{load.port}\r\nAuthorization: Bearer {token}\r\n"
            "Accept: application/json\r\nContent-Type: application/json\r\nIdempotency-Key: bench-"
        ).encode()
        for token in load.tokens
    ]


def drive(load: Load) -> Outcome:
    """Keep every line busy for the time given, then wait for the answers that are still due."""
    heads = requests(load)
    bodies = [
        f'{{"to":"{load.hot or payee}","amount_minutes":1,"reason":"Aide pour un dossier"}}'.encode()
        for payee in load.payees
    ]
    draw = random.Random()
    members = len(heads)

    def compose() -> bytes:
        payer = int(draw.random() * members)
        body = bodies[(payer + 1 + int(draw.random() * (members - 1))) % members]
        return b"%b%019d\r\nContent-Length: %d\r\n\r\n%b" % (
            heads[payer],
            draw.getrandbits(62),
            len(body),
            body,
        )

    lines = [Line(load) for _ in range(load.clients)]
    by_file = {line.socket.fileno(): line for line in lines}
    poll = select.epoll()
    took = array("d")
    wrong, sample = 0, ""
    cpu_before, began = time.process_time(), time.perf_counter()
    until = began + load.seconds
    for line in lines:
        poll.register(line.socket, select.EPOLLIN)
        line.send(compose())
    waiting = len(lines)
    while waiting:
        for file, _ in poll.poll(30.0) or _nothing_came():
            line = by_file[file]
            answer = line.answer()
            if answer is None:
                continue
            now = time.perf_counter()
            if answer.startswith(b"HTTP/1.1 201"):
                took.append(now - line.sent_at)
            else:
                wrong += 1
                sample = sample or answer.decode(errors="replace")
            if now < until:
                line.send(compose())
            else:
                waiting -= 1
    seconds = time.perf_counter() - began
    cpu_seconds = time.process_time() - cpu_before
    for line in lines:
        line.socket.close()
    ordered = sorted(took) or [0.0]
    return Outcome(
        posted=len(took),
        seconds=seconds,
        p50_ms=ordered[len(ordered) // 2] * 1000,
        p99_ms=ordered[len(ordered) * 99 // 100] * 1000,
        cpu_seconds=cpu_seconds,
        wrong=wrong,
        sample=sample,
    )


def _nothing_came() -> list[tuple[int, int]]:
    raise TimeoutError("the server answered nothing for 30 seconds")


if __name__ == "__main__":
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Load)
    sys.stdout.buffer.write(msgspec.json.encode(drive(order)))
