"""The hand-in: what is missing is said, and the archive has what it takes to repeat the work."""

import json
import sys
import zipfile
from types import ModuleType

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers import hand_in
from helpers.checks import EXERCISES
from helpers.config import language
from helpers.hand_in.archive import HandInError
from tests.hand_in.conftest import write

UNTOUCHED = "*Write your answer here: a double click opens this cell.*"
TEXTS = {number: "word " * one.words[0] for number, one in EXERCISES.items() if number.startswith("R.")}


def write_report(path, texts=TEXTS, code="print('fresh')", more=()):
    answers = [
        new_markdown_cell(f"**Your answer to Think! {number}**\n\n{text}") for number, text in texts.items()
    ]
    packing = new_code_cell("raise SystemExit('must not run')", metadata={"tags": ["hand-in"]})
    old = new_code_cell(code, outputs=[new_output("stream", name="stdout", text="outdated")])
    headings = [new_markdown_cell(f"## R.{number} Section") for number in (1, 2, 4, 5, 6, 7, 8, 9)]
    cover = new_code_cell("document = None\nif document:\n    document.cover()")
    notebook = new_notebook(cells=[cover, *headings, *answers, old, *more, packing])
    path.write_text(nbformat.writes(notebook), encoding="utf-8")


def write_notebook(path, outputs=True):
    cell = new_code_cell(
        "1", outputs=[new_output("stream", text="1")], execution_count=1 if outputs else None
    )
    path.write_text(nbformat.writes(new_notebook(cells=[cell])), encoding="utf-8")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The folder of a complete hand-in, which is the current one."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    write_report(folder / "report.ipynb")
    write_notebook(folder / "01_dataset_assembly.ipynb")
    write_notebook(folder / "02_classification_and_segmentation.ipynb")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    return folder


def missing(course, **named):
    return [f"{part}: {what}" for part, what in hand_in.check(course, **named).itertuples(index=False)]


def test_nothing_is_missing_in_a_complete_hand_in(here, results):
    assert missing(results) == []


def test_missing_results_are_named_with_their_cells(here, results):
    (results.run_folder("unet") / "test_predictions.npz").unlink()
    assert [
        said for said in missing(results) if said.startswith("results of the U-Net: run Part B (2.5 to 2.9)")
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (UNTOUCHED, "R.6 Discussion: not written yet"),
        ("", "R.6 Discussion: not written yet"),
        (f"{UNTOUCHED}\n\nToo short.", "R.6 Discussion: 2 words, where 200 to 700 are expected"),
        ("Too short.", "R.6 Discussion: 2 words, where 200 to 700 are expected"),
        ("long " * 701, "R.6 Discussion: 701 words, where 200 to 700 are expected"),
    ],
)
def test_texts_that_are_missing_short_or_long_are_named(here, results, text, expected):
    write_report(here / "report.ipynb", TEXTS | {"R.6": text})
    assert missing(results) == [expected]


def test_a_text_below_results_is_named_but_the_optional_theory_is_not(here, results):
    more = [
        new_markdown_cell(f"**What these results show**\n\n{UNTOUCHED}"),
        new_markdown_cell(f"## R.3 Theory\n\n{UNTOUCHED}"),
    ]
    write_report(here / "report.ipynb", more=more)
    assert missing(results) == ["the text 'What these results show' below 'R.9 Section': not written yet"]


def test_a_deleted_answer_is_named(here, results):
    write_report(here / "report.ipynb", {number: text for number, text in TEXTS.items() if number != "R.2"})
    assert missing(results) == ["R.2 Objectives: no cell begins with 'Your answer to Think! R.2'"]


def test_empty_fields_of_the_cover_are_named(here, results):
    cover = new_code_cell('TITLE = "Mine"  # @param\nAUTHOR = ""  # @param {type: "string"}')
    write_report(here / "report.ipynb", more=[cover])
    assert missing(results) == ["cover page: AUTHOR is empty"]


def test_notebooks_that_are_missing_or_without_outputs_are_named(here, results):
    (here / "01_dataset_assembly.ipynb").unlink()
    write_notebook(here / "02_classification_and_segmentation.ipynb", outputs=False)
    first, second = missing(results)
    assert first.startswith("notebook 01: put 01_dataset_assembly.ipynb, with its outputs, into")
    assert second.startswith(
        "notebook 02: 1 of 1 code cells in 02_classification_and_segmentation.ipynb were not run"
    )


def test_the_archive_has_report_notebooks_and_what_it_takes_to_repeat_them(here, results):
    archive = hand_in.pack(results)
    assert archive == results.home / "hand-in" / "hand-in.zip"
    with zipfile.ZipFile(archive) as packed:
        contents = {name: packed.read(name).decode() for name in packed.namelist()}
    assert set(contents) == {
        "report.ipynb", "01_dataset_assembly.ipynb", "02_classification_and_segmentation.ipynb",
        "report.html",
        "results/classifier.json", "results/unet.json", "results/by slice.json", "results/by family.json",
        "results/fingerprint.json", "results/index.csv",
    }  # fmt: skip
    assert json.loads(contents["results/unet.json"])["results"]["Dice"]["value"] == 0.7
    assert contents["report.html"] == (results.home / "hand-in" / "report.html").read_text(encoding="utf-8")


def test_the_report_is_run_again_without_the_cells_that_pack_it(here, results, capsys):
    code = "import os\nprint('fresh', os.environ['COURSE_DATA'], os.environ['COURSE_PROFILE'])"
    write_report(here / "report.ipynb", code=code)
    with zipfile.ZipFile(hand_in.pack(results)) as packed:
        text = packed.read("report.ipynb").decode()
    assert "fresh phantoms quick" in text
    assert "outdated" not in text
    assert "report.ipynb, saved at " in capsys.readouterr().out


def test_an_incomplete_hand_in_is_packed_and_what_is_missing_is_said(here, results, capsys):
    write_report(here / "report.ipynb", TEXTS | {"R.7": UNTOUCHED}, code="print('(no reason given)')")
    assert hand_in.pack(results).is_file()
    said = capsys.readouterr().out
    assert "Missing: R.7 Future work: not written yet" in said
    assert "no reason is given" in said


def test_results_of_other_data_are_named(here, results):
    write(results.dataset_folder / "fingerprint.json", {"content": "another"})
    assert len(missing(results)) == 4
    assert missing(results)[0] == "results of the classifier: they are of other data than this notebook's"


def test_a_deleted_cover_or_heading_is_named(here, results):
    text = (here / "report.ipynb").read_text(encoding="utf-8")
    (here / "report.ipynb").write_text(
        text.replace(".cover(", ".cov(").replace("## R.5 ", "## "), encoding="utf-8"
    )
    assert missing(results) == [
        "cover page: no cell calls document.cover",
        "section R.5: no cell begins with the heading '## R.5 ...'",
    ]


def test_images_next_to_the_report_are_packed_and_missing_ones_named(here, results, capsys):
    (here / "my scan.png").write_bytes(b"png")
    texts = "![a](my%20scan.png) ![b](lost.png) ![c](https://example.org/x.png) ![d](../secret.png)"
    advice = new_markdown_cell("![x](picture.png)", metadata={"tags": ["remove-cell"]})
    write_report(here / "report.ipynb", more=[new_markdown_cell(texts), advice])
    with zipfile.ZipFile(hand_in.pack(results)) as packed:
        assert [name for name in packed.namelist() if name.endswith(".png")] == ["my scan.png"]
    said = capsys.readouterr().out
    assert "Missing: the image lost.png, which a text shows" in said
    assert "picture.png" not in said


def test_one_number_for_two_tables_is_said(here, results, capsys):
    code = "from IPython.display import HTML\nHTML('<figcaption><b>Table 2.</b> x</figcaption>' * 2)"
    write_report(here / "report.ipynb", code=code)
    hand_in.pack(results)
    assert "Table 2 is there twice: give the two different captions" in capsys.readouterr().out


def test_a_damaged_copy_of_a_notebook_is_named_and_macos_notes_are_ignored(here, results):
    (here / "._02_classification_and_segmentation.ipynb").write_bytes(b"\xff")
    (here / "01_dataset_assembly (1).ipynb").write_text("")
    assert missing(results) == [
        "notebook 01: 0 of 0 code cells in 01_dataset_assembly (1).ipynb were not run: run them, and save it"
    ]


def test_the_kernel_is_this_python_without_a_gpu(here, results, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(here))
    write(
        here / "kernels" / "python3" / "kernel.json",
        {"argv": ["false"], "display_name": "", "language": "python"},
    )
    code = "import os, sys\nprint(sys.executable, os.environ['CUDA_VISIBLE_DEVICES'])"
    write_report(here / "report.ipynb", code=code)
    with zipfile.ZipFile(hand_in.pack(results)) as packed:
        assert f"{sys.executable} -1" in packed.read("report.ipynb").decode()


def test_a_cell_that_does_not_run_is_said(here, results):
    write_report(here / "report.ipynb", code="document.tabel(1)")
    with pytest.raises(
        HandInError, match=r"It begins with 'document\.tabel\(1\)'\. AttributeError: .*tabel'\. Correct it"
    ):
        hand_in.pack(results)


def test_a_renamed_report_is_found_by_its_name_or_in_jupyter(here, results, monkeypatch):
    (here / "report.ipynb").rename(here / "informe.ipynb")
    with pytest.raises(HandInError, match=r"no report called report\.ipynb"):
        hand_in.check(results)
    assert missing(results, notebook="informe.ipynb") == []
    monkeypatch.setenv("JPY_SESSION_NAME", str(here / "informe.ipynb"))
    assert missing(results) == []
    write_report(here / "other.ipynb", TEXTS | {"R.2": ""})
    assert missing(results, notebook="other.ipynb") == ["R.2 Objectives: not written yet"]


def test_another_notebook_that_is_open_in_jupyter_is_not_taken_for_the_report(here, results, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", str(here / "01_dataset_assembly.ipynb"))
    assert missing(results) == []


def test_a_damaged_report_is_named(here, results):
    (here / "report.ipynb").write_text("{", encoding="utf-8")
    with pytest.raises(HandInError, match=r"report\.ipynb cannot be read"):
        hand_in.check(results)


def test_in_colab_the_open_notebook_counts_and_the_archive_is_downloaded(here, results, monkeypatch):
    content = json.loads((here / "report.ipynb").read_text(encoding="utf-8"))
    (here / "report.ipynb").unlink()
    downloads = []
    colab = ModuleType("google.colab")
    colab._message = ModuleType("google.colab._message")
    colab._message.blocking_request = lambda *_, **__: {"ipynb": content}
    colab.files = ModuleType("google.colab.files")
    colab.files.download = downloads.append
    for name, part in {"google.colab": colab, "google.colab._message": colab._message}.items():
        monkeypatch.setitem(sys.modules, name, part)
    monkeypatch.setattr("helpers.hand_in.archive.on_colab", lambda: True)
    archive = hand_in.pack(results)
    assert downloads == [str(archive)]


def test_a_spanish_report_is_understood_and_answered_in_spanish(here, results):
    write_report(here / "report.ipynb", TEXTS | {"R.6": UNTOUCHED})
    stub = language.catalogue("es").gettext(UNTOUCHED)
    text = (here / "report.ipynb").read_text(encoding="utf-8")
    text = text.replace("Your answer to Think!", "Tu respuesta a ¡Piensa!").replace(UNTOUCHED, stub)
    (here / "report.ipynb").write_text(text, encoding="utf-8")
    assert missing(results) == ["R.6 Discussion: not written yet"]
    with language.speaking("es"):
        table = hand_in.check(results)
    assert table.columns.tolist() == ["parte", "qué falta"]
    assert table.to_numpy().tolist() == [["R.6 Discusión", "sin escribir todavía"]]
