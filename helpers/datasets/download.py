"""One URL -> one verified file, going on where an earlier try stopped.

`requests` knows HTTP, redirects and TLS. Added here: resuming by Range into NAME.part, trying
again after a pause, and disbelief: a body becomes NAME only with the published length and md5.
Since the md5 judges the whole, a NAME.part may come from any earlier route or run.
"""

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import requests
import urllib3

from helpers._common import progress_bar
from helpers.datasets.answers import PassingError, RouteError, disguised, explained, refusal
from helpers.datasets.verified import PublishedFile, file_bytes

CONNECT_SECONDS = 10
READ_SECONDS = 30  # without a single byte
PACE_SECONDS = 30  # the rate is judged over this long
SLOWEST_BYTES_PER_SECOND = 5_000  # two days for the data set: a new connection may do better
CHUNK_BYTES = 1 << 20
ATTEMPTS = 4  # in a row that bring no progress
PROGRESS_BYTES = 1 << 20  # an attempt that brings this many does not count
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
SILENT_PAUSE_SECONDS = 5.0  # a longer one is announced: it would look like a standstill
REDIRECTS = 10


def download(
    url: str, file: PublishedFile, folder: Path, *, rng: random.Random, attempts: int = ATTEMPTS
) -> None:
    """Fetches one file; it gets its name only when its length and md5 are right.

    Killed or interrupted, it leaves NAME.part, and the next call asks for the rest only.

    Args:
        url: where the file is.
        file: what it must be.
        folder: where to put it; it exists.
        rng: spreads the pauses, so that a class does not knock in step.
        attempts: how often in a row to try without progress.

    Raises:
        RouteError: this URL does not give the file.
        OSError: the folder cannot be written to.
    """
    with requests.Session() as session:
        session.max_redirects = REDIRECTS
        transfer = _Transfer(session, url, file, folder)
        failed = 0
        while True:
            before = transfer.farthest
            try:
                return transfer.run()
            except PassingError as problem:
                failed = 1 if transfer.farthest - before >= PROGRESS_BYTES else failed + 1
                if failed >= attempts or problem.pause_seconds > LONGEST_PAUSE_SECONDS:
                    raise
                _pause(problem, failed, rng)


class _Transfer:
    """The attempts to get one file from one URL.

    Args:
        session: of requests.
        url, file, folder: as in `download`.
    """

    def __init__(self, session: requests.Session, url: str, file: PublishedFile, folder: Path):
        self.session, self.url, self.file = session, url, file
        self.path = folder / file.name
        self.part = folder / f"{file.name}.part"
        self.resumes = True  # until the host shows that it cannot
        self.farthest = self._held()  # bytes; progress is what goes beyond

    def run(self) -> None:
        """One attempt: asks for what is missing, then judges the whole."""
        start = self._held() if self.resumes else 0
        if start < self.file.bytes:
            start = self._receive(start)
        self._judge(resumed=start > 0)

    def _held(self) -> int:
        held = file_bytes(self.part) or 0
        return held if held <= self.file.bytes else 0

    def _receive(self, start: int) -> int:
        """Asks for the file from a byte on; returns the byte from which it came."""
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        try:
            with self.session.get(
                self.url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)
            ) as answer:
                start = self._accept(answer, start)
                self._write(_pieces(answer), start)
                return start
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise explained(error) from error

    def _accept(self, answer: requests.Response, start: int) -> int:
        """Believes an answer or not, before its body is read.

        Returns:
            The byte at which the body starts: 0 where a Range was ignored.
        """
        if answer.status_code == 416 or (answer.status_code == 206 and not self._continues(answer, start)):
            self.resumes = False
            raise PassingError(f"HTTP {answer.status_code}: not the part of the file that was asked for")
        if answer.status_code not in (200, 206):
            raise refusal(answer)
        start = start if answer.status_code == 206 else 0
        if start:
            print(f"{self.file.name}: going on at {start / 1e6:.1f} of {self.file.bytes / 1e6:.1f} MB.")
        self._check_headers(answer.headers, self.file.bytes - start)
        return start

    def _continues(self, answer: requests.Response, start: int) -> bool:
        content_range = answer.headers.get("Content-Range", "").strip().lower()
        return start > 0 and content_range in {
            f"bytes {start}-{self.file.bytes - 1}/{total}" for total in (self.file.bytes, "*")
        }

    def _check_headers(self, headers, wanted_bytes: int) -> None:
        encoding = headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise RouteError(f"a compressed body ({encoding}), which was not asked for")
        kind = headers.get("Content-Type", "").lower()
        if "html" in kind or "json" in kind:
            raise disguised("html" in kind)
        length = headers.get("Content-Length", str(wanted_bytes)).strip()
        if length == "0":
            raise RouteError("an empty answer (zero bytes)")
        if length != str(wanted_bytes):
            raise RouteError(f"wrong length: it announces {length} bytes, not {wanted_bytes}")

    def _write(self, pieces: Iterator[bytes], start: int) -> None:
        first = next(pieces, b"")
        if not first:
            raise PassingError("an empty answer (zero bytes)")
        if start == 0 and first.lstrip()[:1] in (b"<", b"{"):  # no archive and no .mat starts so
            raise disguised(first.lstrip()[:1] == b"<")
        held = start
        # Not appended: two notebooks that fetch at once then write the same bytes to the same place.
        with (
            self.part.open("r+b" if start else "wb") as part,
            progress_bar(
                total=self.file.bytes, initial=start, unit="B", scale=True, title=self.file.name
            ) as meter,
        ):
            part.seek(start)
            try:
                for piece in itertools.chain([first], pieces):
                    held += len(piece)
                    self._stop_if_too_long(held)
                    part.write(piece)
                    meter.update(len(piece))
            finally:
                self.farthest = max(self.farthest, held)
        if held < self.file.bytes:
            raise PassingError(f"cut short at {held:,} of {self.file.bytes:,} bytes")

    def _stop_if_too_long(self, held: int) -> None:
        if held > self.file.bytes:
            self.resumes = False
            raise RouteError(f"wrong length: more than {self.file.bytes:,} bytes")

    def _judge(self, resumed: bool) -> None:
        problem = self.file.problem(self.part)
        if problem is None:
            self.part.replace(self.path)
            return
        self.part.unlink(missing_ok=True)
        # What was there before may be to blame; what came in one piece leaves no doubt.
        if resumed:
            raise PassingError(f"{problem}, after going on from an earlier part")
        raise RouteError(problem)


def _pieces(answer: requests.Response) -> Iterator[bytes]:
    """The body as it comes in. `iter_content` would sit on a slow drip until a chunk is full."""
    since, count = monotonic(), 0
    while piece := answer.raw.read1(CHUNK_BYTES, decode_content=False):
        yield piece
        count += len(piece)
        elapsed_seconds = monotonic() - since
        if elapsed_seconds >= PACE_SECONDS:
            if count < SLOWEST_BYTES_PER_SECOND * elapsed_seconds:
                raise PassingError(f"too slow: {count:,} bytes in {elapsed_seconds:.0f} s")
            since, count = monotonic(), 0


def _pause(problem: PassingError, failed: int, rng: random.Random) -> None:
    """Waits as long as the host asks and then some, twice as long each time, never in step."""
    longest = min(FIRST_PAUSE_SECONDS * 2 ** (failed - 1), LONGEST_PAUSE_SECONDS)
    seconds = problem.pause_seconds + longest * rng.uniform(0.5, 1.0)
    if seconds > SILENT_PAUSE_SECONDS:
        print(f"{problem}. Trying again in {seconds:.0f} s.")
    sleep(seconds)
