"""Catalogues are complete and true to the English texts; translated notebooks differ in their texts only."""

import ast
import re

import nbformat
import pytest
from babel.messages.catalog import Catalog
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers.config.settings import COURSE_FOLDER
from instructor import __main__ as command
from instructor.notebooks import lint
from instructor.notebooks.execute import NOTEBOOKS, placed, read_notebook
from instructor.notebooks.student_edition import answer_cells, is_stub
from instructor.translation import catalogues, editions, faults

TRANSLATED = editions.translated()
# Words that every English sentence has some of, and that are not Spanish ones.
ENGLISH = re.compile(r"\b(the|of|and|is|are|was|with|which|that|for|from|not|this|you|your|it|at)\b", re.I)
# What the notebook's own code prints, which is the same in every edition, and SciPy's message.
OWN_WORDS = {
    "01_dataset_assembly": {"inside-scipy", "slice-read", "rgba-proof", "normalise-ranges", "end-summary"},
    "02_classification_and_segmentation": {
        "data", "split-siblings", "hyperparameters", "train-checkpoint", "errors", "pairs-values",
        "unet-test", "unet-timing", "overlap-own", "threshold-test", "puzzle-arithmetic", "puzzle-repaired",
        "part-c-networks", "neighbours", "budget-settings", "leak-gap", "leak-majority", "leak-plot",
        "leak-real", "augmentation-result", "run-card", "discussion-unet", "discussion-floors",
        "save-results",
    },
    "grad_cam": {
        "folds", "gradients-try", "blind-sum", "maps-empty", "place", "inside-head", "inside-table",
        "inside-differences", "cover-control", "cover-compare", "conclusion",
    },
    "hyperparameters": {
        "split-shown", "kill-run", "resume", "resume-check", "grid", "grid-shared", "tpe", "genetic", "prune",
        "prune-saved", "optimism-counts", "optimism-size", "test", "test-verdict",
    },
    "new_data": {
        "fold", "baseline", "stress-worst", "healthy", "abstain-auc", "gate-table", "swap", "trap-real",
        "copies", "end",
    },
    "one_network": {"split", "head-or-pixels", "strong-results"},
}  # fmt: skip
UNMARKED = {"phantoms/__main__.py"}  # for maintainers
# Errors of programming, which a student does not see.
INTERNAL = {"AttributeError", "IndexError", "KeyError", "TypeError", "ValueError"}
DOCSTRING = '''# Exercise 1.5
def twice(x):
    """Double a number.

    Args:
        x: the number.
    """
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION'''


@pytest.fixture(params=TRANSLATED, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture(params=[editions.FOLDER, editions.STUDENT_FOLDER], ids=["solved", "student"])
def edition(request, path):
    return read_notebook(placed(path, request.param))


@pytest.mark.parametrize("name", catalogues.names())
def test_nothing_is_missing_outdated_or_lost(name):
    assert faults.complaints(name) == []


@pytest.mark.parametrize(
    "path",
    sorted((COURSE_FOLDER / "helpers").rglob("*.py")),
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_what_helpers_print_or_raise_is_marked_for_translation(path):
    name = path.relative_to(COURSE_FOLDER / "helpers").as_posix()
    found = [*unmarked(ast.parse(path.read_text(encoding="utf-8")))]
    assert found == [] or name in UNMARKED


def test_every_marked_text_is_extracted():
    """Babel does not find all: those in f-strings and in a call of another mark."""
    catalogue = catalogues.template("course")
    trees = [ast.parse(path.read_text("utf-8")) for path in (COURSE_FOLDER / "helpers").rglob("*.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    marked = [call.args[0] for call in calls if ast.unparse(call.func) in ("_", "N_")]
    texts = {one.value for one in marked if isinstance(one, ast.Constant)}
    assert [text for text in texts if not catalogue.get(text)] == []


def unmarked(tree):
    """The sentences in errors and calls of print that are not marked."""
    for node in ast.walk(tree):
        call = node.exc if isinstance(node, ast.Raise) else node
        if not isinstance(call, ast.Call) or ast.unparse(call.func) in INTERNAL:
            continue
        if isinstance(node, ast.Raise) or ast.unparse(call.func) in ("print", "Incorrect"):
            for argument in call.args:
                if isinstance(argument, ast.Constant | ast.JoinedStr):
                    parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
                    said = "".join(str(part.value) for part in parts if isinstance(part, ast.Constant))
                    if re.search(r"[A-Za-z]{2,}\s+[A-Za-z]{2,}", said):
                        yield said


def test_unmarked_sentences_are_found():
    source = """raise SplitError(f"{count} slices are too few.")
raise SplitError(_("Marked {count}."))
print("No second copy.")
raise ValueError("got two of them")"""
    assert [*unmarked(ast.parse(source))] == [" slices are too few.", "No second copy."]


def test_there_is_a_translated_notebook():
    assert [path.stem for path in TRANSLATED][:1] == ["01_dataset_assembly"]


def test_a_spanish_run_takes_the_translated_notebooks_and_otherwise_the_english_ones():
    taken = command._translated()
    assert [path.name for path in taken] == [path.name for path in NOTEBOOKS]
    assert [path for path in taken if path in NOTEBOOKS] == [
        path for path in NOTEBOOKS if path not in TRANSLATED
    ]
    assert all(path.is_file() for path in taken)


# ---- faults ----


def wrong(source, translation, context="a-cell", **options):
    catalogue = Catalog("es")
    return [*faults._wrong(catalogue.add(source, translation, context=context, **options))]


@pytest.mark.parametrize(
    ("source", "translation", "said"),
    [
        ("Run it.", "", "is not translated."),
        ("{count} of {total}", "{count} de todos", "placeholder lost: total."),
        ("{count} of them", "{count} de {total}", "placeholder that the English text does not have: total."),
        ("See [this](a.md#b).", "Mira [esto](a.md).", "link lost: a.md#b."),
        ("In 3,064 of them, 0.5%.", "En 3064 de ellos, 5 %.", "number lost: 0.5."),
        ("Run `make test` twice.", "Ejecuta make test dos veces.", "code lost: `make test`."),
        ("A sum, $x + 1$, of two.", "Una suma, $x$, de dos.", "formula lost: $x + 1$."),
        ("## 1.2 What", "### 1.2 Qué", "heading lost: ## ."),
        ("A slice.", "Una imagen.", "glossary: 'slice' is 'corte'."),
        ("A fold, so far.", "Un pliegue o set de datos.", "glossary: 'set de datos' is not used for"),
        ("A data set.", "Una base de datos o conjunto.", "glossary: 'base de datos' is not used for"),
    ],
)
def test_each_fault_is_named(source, translation, said):
    assert said in " ".join(wrong(source, translation))


def test_a_changed_text_is_named():
    assert "has changed" in " ".join(wrong("Run it again.", "Ejecútalo.", flags=["fuzzy"]))


@pytest.mark.parametrize(
    ("source", "translation"),
    [
        ("{count:,} slices", "{count} cortes"),
        ("12,728 is 47% of `x = 1,000`", "12\u202f728 es el 47\u00a0% de `x = 1,000`"),
        ("Learning rates and pixels.", "Tasas de aprendizaje\ny píxeles."),
        ("[doi 10.1/x](https://doi.org/10.1/x)", "[doi 10.1/x](https://doi.org/10.1/x)"),
        ("A database, not a data set.", "Una base de datos, no un conjunto de datos."),
    ],
)
def test_what_may_differ_is_no_fault(source, translation):
    assert wrong(source, translation) == []


def test_each_plural_form_is_compared():
    said = wrong(("{count} slice", "{count} slices"), ("{count} corte", "cortes"), context=None)
    assert said == ["placeholder lost: count."]


def test_complaints_name_catalogue_and_cell(monkeypatch):
    catalogue = catalogues.read("01_dataset_assembly")
    first = next(message for message in catalogue if message.context == "end-next")
    first.string = ""
    monkeypatch.setattr(catalogues, "read", lambda name: catalogue)
    assert faults.complaints("01_dataset_assembly") == ["01_dataset_assembly: 'end-next': is not translated."]


def test_a_compiled_catalogue_that_is_outdated_is_named(monkeypatch):
    catalogue = catalogues.read("course")
    catalogue.get("every slice").string = "cada corte"
    monkeypatch.setattr(catalogues, "read", lambda name: catalogue)
    assert faults.complaints("course") == [
        "course: course.mo differs from course.po. Run python -m instructor translate."
    ]


# ---- updating ----


def catalogue_of(*messages):
    made = Catalog("es")
    for text, translation, context in messages:
        made.add(text, translation, context=context)
    return made


def test_a_changed_text_keeps_its_translation_as_fuzzy():
    old = catalogue_of(("Run it.", "Ejecútalo.", "a"), ("Every slice of it", "Todos sus cortes", None))
    new = catalogue_of(("Run it now.", "", "a"), ("Every slice of them", "", None), ("Other", "", "b"))
    merged = catalogues.merged(old, new)
    for text, context, before, kept in [
        ("Run it now.", "a", "Run it.", "Ejecútalo."),
        ("Every slice of them", None, "Every slice of it", "Todos sus cortes"),
    ]:
        message = merged.get(text, context)
        assert (message.string, message.fuzzy, message.previous_id) == (kept, True, [before])
    assert not merged.get("Other", "b").string


def test_a_text_that_is_gone_is_dropped_and_others_stay():
    old = catalogue_of(("Run it.", "Ejecútalo.", "a"), ("Stop.", "Detente.", "b"))
    merged = catalogues.merged(old, catalogue_of(("Run it.", "", "a")))
    assert [message.string for message in merged if message.id] == ["Ejecútalo."]
    assert not merged.get("Run it.", "a").fuzzy


def test_updating_twice_changes_nothing(monkeypatch, tmp_path):
    before = {path.name: path.read_bytes() for path in catalogues.FOLDER.iterdir()}
    texts = {name: content for name, content in before.items() if name.endswith(".po")}
    monkeypatch.setattr(catalogues, "FOLDER", tmp_path)
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)
    assert (
        command.main(["translate"]) == 0
    )  # course.mo, too, has the same texts; its header names Babel's version
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.po")} == texts


def test_the_command_begins_a_catalogue_and_lists_what_is_missing(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(catalogues, "FOLDER", tmp_path)
    assert command.main(["translate", "notebooks/01_dataset_assembly.ipynb"]) == 1
    said = capsys.readouterr()
    assert str(tmp_path / "01_dataset_assembly.po") in said.out
    assert "01_dataset_assembly: 'title': is not translated." in said.err


# ---- notebooks ----


def test_the_translated_notebooks_are_up_to_date():
    assert editions.complaints() == []


def test_code_is_the_same_but_for_the_language_and_the_docstrings(path, edition):
    student = edition.cells[0].source.count("/student/")
    english = read_notebook(placed(path, editions.ENGLISH / "student") if student else path)
    assert [(cell.id, cell.cell_type, cell.metadata) for cell in edition.cells] == [
        (cell.id, cell.cell_type, cell.metadata) for cell in english.cells
    ]
    assert edition.metadata == english.metadata
    for cell, other in zip(english.cells, edition.cells, strict=True):
        if cell.cell_type == "code":
            expected = cell.source.replace('LANGUAGE = "en"', 'LANGUAGE = "es"')
            if node := catalogues.docstring(cell):
                assert catalogues.docstring(other).value != node.value
                expected = editions._with_docstring(cell, catalogues.text_of(other))
            assert other.source == expected


def test_only_the_docstring_is_replaced():
    cell = new_code_cell(DOCSTRING, id="exercise-1-5", metadata={"nbgrader": {"solution": True}})
    text = catalogues.text_of(cell)
    assert text == "Double a number.\n\nArgs:\n    x: the number."
    assert editions._with_docstring(cell, text) == DOCSTRING
    other = editions._with_docstring(cell, "Duplica un número.\n\nArgs:\n    x: el número.")
    assert other == DOCSTRING.replace("Double a", "Duplica un").replace(
        "x: the number", "x: el número"
    ).replace("un number", "un número")


def test_a_text_without_a_translation_stays_english_in_the_notebook():
    notebook = new_notebook(cells=[new_markdown_cell("# Title", id="a"), new_markdown_cell("Text", id="b")])
    cells = editions.translate(notebook, catalogue_of(("# Title", "# Título", "a"))).cells
    assert [cell.source for cell in cells] == ["# Título", "Text"]


def test_outputs_stay_as_long_as_the_code_does(tmp_path):
    cells = [new_code_cell(f"{name}()", id=name) for name in "ab"]
    stored = new_notebook(cells=[new_code_cell(cell.source, id=cell.id, execution_count=1) for cell in cells])
    stored.cells[1].source = "other()"
    nbformat.write(stored, tmp_path / "a.ipynb")
    fresh = new_notebook(cells=cells)
    editions._keep_outputs(fresh, tmp_path / "a.ipynb")
    assert [cell.execution_count for cell in fresh.cells] == [1, None]


def test_links_lead_to_the_same_edition_or_to_the_english_one(path):
    for folder in (editions.FOLDER, editions.STUDENT_FOLDER):
        place = placed(path, folder)
        for cell in read_notebook(place).cells:
            if cell.cell_type == "markdown":
                assert lint.lost_links(cell.source, place) == []


def test_the_notebooks_keep_the_standard(path):
    for folder in (editions.FOLDER, editions.STUDENT_FOLDER):
        assert lint.complaints(placed(path, folder)) == []


def test_answers_are_found_and_stubs_recognized(path):
    english = answer_cells(read_notebook(placed(path, editions.ENGLISH / "student")))
    spanish = answer_cells(read_notebook(placed(path, editions.STUDENT_FOLDER)))
    assert list(spanish) == list(english)
    assert all(map(is_stub, spanish.values()))


def test_every_stored_check_says_correct_in_spanish(path):
    cells = read_notebook(placed(path, editions.FOLDER)).cells
    checked = [cell for cell in cells if cell.id.startswith("check-") and cell.metadata.get("nbgrader")]
    assert checked or path.stem == "report"
    assert all(cell.outputs[0].data["text/plain"].startswith("Correcto.") for cell in checked)


def test_no_english_sentence_is_left(path, edition):
    found = {}
    for cell in edition.cells:
        texts = [cell.source] if cell.cell_type == "markdown" else shown(cell)
        if words := {word for text in texts for word in ENGLISH.findall(readable(text))}:
            found[cell.id] = words
    assert {cell: words for cell, words in found.items() if cell not in OWN_WORDS.get(path.stem, ())} == {}


def test_the_readme_has_no_english_sentence_either():
    page = readable(catalogues.README.with_suffix(".es.md").read_text(encoding="utf-8"))
    page = page.replace("[In English]", "").replace("status of the tests", "")
    assert ENGLISH.findall(page.replace("Python 3.11 to 3.13", "")) == []


def shown(cell):
    if node := catalogues.docstring(cell):
        yield node.value
    for output in cell.outputs:
        data = output.get("data", {})
        yield output.get("text", "")
        yield from (data[kind] for kind in ("text/html", "text/plain") if kind in data)


def readable(text):
    """A text without code, addresses and titles of publications."""
    text = re.sub("<style.*?</style>", " ", text, flags=re.DOTALL)
    text = faults.TARGET.sub("]", faults.CODE.sub(" ", text)).replace("**", "")
    text = faults.FORMULA.sub(" ", faults.TITLE.sub(" ", text))
    return re.sub("<[^>]*>", " ", text)


def test_the_commands_of_the_translated_readme_open_the_translated_notebooks():
    page = (COURSE_FOLDER / "README.es.md").read_text(encoding="utf-8")
    assert "COURSE_LANGUAGE=es make run " in page
    assert "jupyter lab notebooks/es/student" in page
    assert "`notebooks/es/`" in page and "`notebooks/`" not in page


def test_plural_forms_are_those_of_the_catalogue_whatever_babels_version():
    assert (
        catalogues.template(catalogues.DOMAIN).plural_forms == catalogues.read(catalogues.DOMAIN).plural_forms
    )
    assert catalogues.read(catalogues.DOMAIN).num_plurals == 2
