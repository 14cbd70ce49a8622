"""The most memory that this process, and the ones that it starts, have used."""

import sys
import threading
from pathlib import Path


def peak_bytes() -> int:
    """Finds the peak of this process's resident memory, mapped files included.

    Returns:
        Bytes.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        # Not getrusage: on Linux its peak is inherited from the process that started this one.
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class ChildrenWatch:
    """Measures the processes that this one starts while in the `with`.

    Attributes:
        peak_bytes: the most resident memory of all of them together, looked at every 20 ms. What
            they share counts once for each.
        most: the largest number of them at a time.
    """

    def __init__(self):
        self.peak_bytes = self.most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "ChildrenWatch":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        import psutil  # comes with ipykernel

        this = psutil.Process()
        while not self._over.wait(0.02):
            sizes = [_resident_bytes(child) for child in this.children(recursive=True)]
            self.peak_bytes = max(self.peak_bytes, sum(sizes))
            self.most = max(self.most, len(sizes))


def _resident_bytes(process) -> int:
    import psutil

    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
