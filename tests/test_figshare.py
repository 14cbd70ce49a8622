import hashlib
import http.server
import threading

import pytest

from helpers import figshare
from helpers.figshare import DownloadError

CONTENT = b"an archive" * 1000


class Server(http.server.BaseHTTPRequestHandler):
    """/right/N answers with the file, /challenge/N as a host does that takes us for a robot."""

    def do_GET(self):
        route = self.path.split("/")[1]
        status, body = {"right": (200, CONTENT), "challenge": (202, b""), "wrong": (200, b"<html>")}.get(
            route, (404, b"")
        )
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.server.asked.append(route)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(figshare, "REGISTRY", {"a.zip": (1, hashlib.md5(CONTENT).hexdigest())})
    monkeypatch.setattr(figshare, "RETRIES", 0)
    yield server
    server.shutdown()
    server.server_close()


def routes(server, *names):
    return tuple(f"http://127.0.0.1:{server.server_port}/{name}/{{id}}" for name in names)


def test_the_registry_is_the_published_one():
    assert len(figshare.REGISTRY) == 5
    assert figshare.REGISTRY["brainTumorDataPublic_1533-2298.zip"][0] == 3381293
    assert all(len(md5) == 32 for _, md5 in figshare.REGISTRY.values())


def test_a_file_is_fetched_once(server, monkeypatch, tmp_path):
    monkeypatch.setattr(figshare, "ROUTES", routes(server, "right"))
    for _ in range(2):
        assert figshare.fetch(tmp_path) == tmp_path
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert server.asked == ["right"]


def test_the_next_route_is_tried(server, monkeypatch, tmp_path):
    monkeypatch.setattr(figshare, "ROUTES", routes(server, "missing", "challenge", "wrong", "right"))
    figshare.fetch(tmp_path)
    assert server.asked == ["missing", "challenge", "wrong", "right"]
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_what_is_wrong_never_gets_the_files_name(server, monkeypatch, tmp_path):
    monkeypatch.setattr(figshare, "ROUTES", routes(server, "challenge", "wrong", "missing"))
    with pytest.raises(DownloadError, match=r"a\.zip could not be downloaded") as caught:
        figshare.fetch(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "404" in str(caught.value)
    assert list(tmp_path.iterdir()) == []
