"""The most memory that the processes which this one starts have used."""

import threading


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
