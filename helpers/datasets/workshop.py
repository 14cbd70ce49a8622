"""The unfinished data set: who does which rows, and which ones are done.

A journal gets one line a slice once its arrays and pictures are written, so a killed run goes on
where it stopped.
"""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path

from helpers._common import progress_bar
from helpers.datasets import rows
from helpers.datasets.crew import Crew, CrewError
from helpers.datasets.rows import RowFile
from helpers.datasets.slice_files import SliceFile
from helpers.datasets.workbench import ARRAYS, Workbench

FORMAT = 3  # raise it when the same slices would give other bytes
WORTH_A_CREW = 300  # slices; with fewer, starting processes takes longer than they save


class Workshop:
    """The unfinished data set: arrays filled row by row, and the journal of what is done.

    Args:
        folder: where to work; what an earlier run left there is used if it still fits.
        files: the slices; slice i fills row i.
    """

    def __init__(self, folder: Path, files: list[SliceFile]):
        self.folder, self.files = folder, files
        self.bench = Workbench(folder, files)
        self.journal = folder / "journal.jsonl"
        self.header = {"format": FORMAT, "numbers": [file.number for file in files]}
        self.done = self._earlier_records()
        if self.done is None:
            self._start_afresh()

    def process_all(self, workers: int, progress: bool) -> list[dict]:
        """Processes what is not done yet.

        Args:
            workers: how many slices at a time.
            progress: show a progress bar.

        Returns:
            One record a slice, in order: the row of its index, or why the file is bad.
        """
        open_rows = [row for row in range(len(self.files)) if row not in self.done]
        with ExitStack() as stack, self.journal.open("a", encoding="utf-8") as journal:
            process = self._processing(stack, workers if len(open_rows) >= WORTH_A_CREW else 1)
            pool = ThreadPoolExecutor(workers)
            # Whatever interrupts the loop, the threads end before what they work with is closed.
            stack.callback(pool.shutdown, cancel_futures=True)
            records = as_completed([pool.submit(process, row) for row in open_rows])
            for one in progress_bar(
                records, total=len(open_rows), unit="slice", title="Assembling", show=progress
            ):
                record = one.result()
                self.done[record["row"]] = record
                journal.write(json.dumps(record) + "\n")
                journal.flush()
        return [self.done[row] for row in range(len(self.files))]

    def _processing(self, stack: ExitStack, processes: int) -> Callable[[int], dict]:
        """What a thread calls for a row: it hands it to a process, or does it itself."""
        if processes > 1:
            try:
                return stack.enter_context(Crew(self.bench, processes)).process
            except CrewError:  # then the threads do it, more slowly
                pass
        return stack.enter_context(self.bench).process

    def keep_only(self, kept: list[int]) -> None:
        """Takes the rows of bad files out of the arrays.

        Args:
            kept: the rows to keep, in order.
        """
        if len(kept) == len(self.files):
            return
        self.journal.unlink()  # it will no longer describe the arrays
        for path in map(self.bench.array_path, ARRAYS):
            aside = self.folder / "kept_rows.npy"
            with RowFile(path) as array:
                array.copy(aside, kept)
            aside.replace(path)

    def _earlier_records(self) -> dict[int, dict] | None:
        """What an earlier run finished with these same files; None if it had other ones."""
        if not self.journal.is_file():
            return None
        complete = self.journal.read_bytes().split(b"\n")[:-1]  # a kill may tear the last line
        try:
            header, *records = [json.loads(line) for line in complete]
        except ValueError:  # empty, or not our journal
            return None
        if header != self.header or not all(self.bench.array_path(key).is_file() for key in ARRAYS):
            return None
        self.journal.write_bytes(b"".join(line + b"\n" for line in complete))
        return {
            record["row"]: record
            for record in records
            if "reason" not in record and record["version"] == self.files[record["row"]].version
        }

    def _start_afresh(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for kind in ("images", "masks"):
            (self.folder / kind).mkdir(parents=True)
        for key in ARRAYS:
            rows.create(self.bench.array_path(key), (len(self.files), key[1], key[1]))
        self.done = {}
        self.journal.write_text(json.dumps(self.header) + "\n", encoding="utf-8")
