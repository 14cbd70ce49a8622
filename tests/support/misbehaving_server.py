"""A host on 127.0.0.1 that misbehaves: the first part of the path says how."""

import contextlib
import gzip
import http.server
import random
import socket
import struct
import threading
import time

CONTENT = b"PK\x03\x04" + random.Random(0).randbytes(300_000)
HALF = len(CONTENT) // 2
PAGE = b"<!DOCTYPE html><html><body>Just a moment...</body></html>"
ZIP = "application/zip"


class Server(http.server.ThreadingHTTPServer):
    """Records each request in `asked`: (behaviour, Range or None)."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []

    def route(self, behaviour: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{behaviour}/{{id}}"

    def ranges(self) -> list[str | None]:
        return [asked for _, asked in self.asked]

    def handle_error(self, *_):
        pass  # the client may hang up


class Handler(http.server.BaseHTTPRequestHandler):
    """`do_NAME` for each behaviour; `first` is True on its first visit."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        behaviour = self.path.split("/")[1]
        self.first = behaviour not in [name for name, _ in self.server.asked]
        self.server.asked.append((behaviour, self.headers["Range"]))
        getattr(self, f"be_{behaviour}")()

    def log_message(self, *_):
        pass

    def answer(self, status=200, body=b"", length=None, kind=ZIP, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)
        self.close_connection = True

    def start(self) -> int:
        """The first byte that is requested."""
        return int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").rstrip("-"))

    def be_right(self, body=None):
        start = self.start()
        body = CONTENT[start:] if body is None else body
        length = len(CONTENT) - start
        if not start:
            return self.answer(200, body, length)
        content_range = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        return self.answer(206, body, length, Content_Range=content_range)

    def be_challenge(self):
        self.answer(202, kind="text/html", x_amzn_waf_action="challenge")

    def be_missing(self):
        self.answer(404, b'{"message": "not found"}', kind="application/json")

    def be_busy(self):
        self.answer(429)

    def be_broken(self):
        self.answer(500, PAGE, kind="text/html")

    def be_broken_once(self):
        self.be_broken() if self.first else self.be_right()

    def be_redirect(self):
        self.answer(302, Location="/right/1")

    def be_loop(self):
        self.answer(302, Location="/loop/1")

    def be_redirect_nowhere(self):
        self.answer(302, Location="gopher://127.0.0.1/1")

    def be_slow(self):
        self.trickle(CONTENT, pieces=60) if self.first else self.be_right()

    def trickle(self, body, pieces):
        self.answer(200, b"", len(CONTENT))
        step = -(-len(body) // pieces)
        with contextlib.suppress(OSError):
            for start in range(0, len(body), step):
                self.wfile.write(body[start : start + step])
                time.sleep(0.05)

    def be_silent(self):
        self.answer(200, CONTENT[:1000], len(CONTENT))
        time.sleep(1)

    def be_hang_up(self):
        self.close_connection = True

    def be_reset_once(self):
        self.reset() if self.first else self.be_right()

    def be_reset(self):
        self.reset()

    def reset(self):
        self.be_right(CONTENT[self.start() : HALF])
        self.wfile.flush()
        time.sleep(0.1)  # what was sent must have been read, or the reset drops it
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def be_cut_once(self):
        self.be_right(CONTENT[:HALF]) if self.first else self.be_right()

    def be_cut(self):
        self.be_right(CONTENT[self.start() : HALF])

    def be_cut_then_range_ignored(self):
        self.be_cut() if self.first else self.answer(200, CONTENT)

    def be_wrong_bytes(self):
        self.be_right(bytes(len(CONTENT) - self.start()))

    def be_other_length(self):
        self.answer(200, CONTENT[:HALF])

    def be_endless(self):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(CONTENT + CONTENT)
        self.close_connection = True

    def be_gzip(self):
        self.answer(200, gzip.compress(CONTENT), Content_Encoding="gzip")

    def be_page(self):
        self.answer(200, PAGE, kind="text/html; charset=utf-8")


@contextlib.contextmanager
def running():
    """Runs a server in a thread, for as long as the block lasts."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
