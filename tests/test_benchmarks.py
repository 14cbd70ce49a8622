import json

from benchmarks import assembly
from helpers.sources import find_slices


def test_the_assembly_is_measured_on_a_few_slices(phantom_folder, tmp_path, capsys):
    wanted = tmp_path / "results" / "assembly.json"
    assembly.main([str(phantom_folder), "--slices", "4", "--json", str(wanted)])
    printed = capsys.readouterr().out
    assert printed.startswith("4 slices, ")
    for words in ("times as fast as the plain way", "times as long as reading alone", "MB at its peak"):
        assert words in printed
    figures = json.loads(wanted.read_text())
    assert figures["times_the_plain_way"] > 0
    assert figures["peak_mb"] > 10


def test_the_slices_are_spread_over_the_source(phantom_folder):
    chosen = assembly._spread(find_slices(phantom_folder), 3)
    assert [file.number for file in chosen] == [1, 15, 30]
    assert len(assembly._spread(chosen, 10)) == 3
