"""Peak memory of this process and those that it starts."""

import threading

import psutil


class MemoryWatch:
    """Measure this process and those that it starts while in the `with`.

    Attributes:
        peak_bytes: int, the most resident memory of all of them together, sampled every 20 ms.
            What they share counts once for each.
        processes: int, the largest number of them at a time.
    """

    def __init__(self):
        self.peak_bytes = self.processes = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        this = psutil.Process()
        while not self._over.wait(0.02):
            sizes = [_resident_bytes(one) for one in (this, *this.children(recursive=True))]
            self.peak_bytes = max(self.peak_bytes, sum(sizes))
            self.processes = max(self.processes, len(sizes))


def _resident_bytes(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
