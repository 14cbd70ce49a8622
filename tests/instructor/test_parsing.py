import gc
import time
from concurrent.futures import ThreadPoolExecutor

from instructor.notebooks.parsing import parse

SOURCE = "\n".join(f"x{number} = f(g(h([{number}, (a, b, [c])])))" for number in range(100))


def change_threads(phase, info):
    time.sleep(0)


def test_many_threads_parse_at_once():
    """With collections in between, in which Python changes from one thread to another."""
    before = gc.get_threshold()
    gc.set_threshold(50)
    gc.callbacks.append(change_threads)
    try:
        with ThreadPoolExecutor(4) as pool:
            trees = list(pool.map(parse, [SOURCE] * 16))
    finally:
        gc.callbacks.remove(change_threads)
        gc.set_threshold(*before)
    assert all(len(tree.body) == 100 for tree in trees)
