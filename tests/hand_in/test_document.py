"""Numbered tables and figures, and what stands in their place if a result is missing."""

import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

from helpers import hand_in
from helpers._common import CourseError
from helpers.config import language
from helpers.hand_in import document as module
from helpers.plots import style


@pytest.fixture
def shown(monkeypatch):
    """What was displayed: HTML and text."""
    outputs = []
    monkeypatch.setattr(
        module, "display", lambda bundle, raw: outputs.append((bundle["text/html"], bundle["text/plain"]))
    )
    return outputs


TABLE = pd.DataFrame({"Dice": [0.5]}, index=pd.Index(["glioma"], name="class"))


def test_tables_and_figures_are_numbered_apart(shown):
    document = hand_in.Document()
    document.table(TABLE, "Scores.")
    document.figure(style.sentence_figure("A sentence."), "Curves.")
    document.table(lambda: TABLE, "Other scores.")
    assert [text.splitlines()[0] for _, text in shown] == [
        "Table 1. Scores.", "Figure 1. Curves.", "Table 2. Other scores.",
    ]  # fmt: skip


def test_a_cell_that_runs_again_keeps_its_number(shown):
    document = hand_in.Document()
    for caption in ("Scores.", "Other scores.", "Scores."):
        document.table(TABLE, caption)
    assert [text[:8] for _, text in shown] == ["Table 1.", "Table 2.", "Table 1."]


def test_an_interval_stays_on_one_line(shown):
    hand_in.Document().table(pd.DataFrame({"value": ["0.9 (-0.1 to 0.8)"]}), "Scores.")
    assert "0.9&nbsp;(-0.1&nbsp;to&nbsp;0.8)" in shown[0][0]


def test_the_name_of_an_index_stands_beside_the_other_names(shown):
    hand_in.Document().table(TABLE, "Scores.")
    assert shown[0][0].count("<tr>") + shown[0][0].count("<tr ") == 2
    assert "<td></td>" not in shown[0][0]


def test_numbers_have_three_decimals_and_gaps_a_dash(shown):
    hand_in.Document().table(pd.DataFrame({"a": [0.12345, float("nan")], "year": [2020, 2021]}), "Scores.")
    assert "<td>0.123</td>" in shown[0][0]
    assert "<td>–</td>" in shown[0][0]
    assert "<td>2020</td>" in shown[0][0]


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (TABLE["Dice"], "not Series. Add .to_frame()."),
        ([1, 2], "not list. Make one"),
        (lambda: None, "not None. Does the function end with return?"),
    ],
)
def test_what_is_no_table_is_said_and_takes_no_number(shown, given, advice):
    document = hand_in.Document()
    with pytest.raises(CourseError, match=r"document\.table needs a DataFrame") as raised:
        document.table(given, "Scores.")
    assert advice in str(raised.value)
    document.table(TABLE, "Scores again.")
    assert shown[-1][1].startswith("Table 1.")


def test_axes_are_no_figure():
    with pytest.raises(CourseError, match=r"not Axes. Give axes\.figure"):
        hand_in.Document().figure(Figure().subplots(), "Curve.")


def test_a_figure_of_pyplot_is_not_shown_twice(shown):
    figure, axes = pyplot.subplots()
    axes.plot([1, 2])
    hand_in.Document().figure(figure, "Curve.")
    assert not pyplot.fignum_exists(figure.number)


def test_a_caption_precedes_a_table_and_follows_a_figure(shown):
    document = hand_in.Document()
    document.table(TABLE, "Scores <1.")
    document.figure(style.sentence_figure("A sentence."), "Curves.")
    table, figure = (markup for markup, _ in shown)
    assert table.index("<figcaption><b>Table 1.</b> Scores &lt;1.</figcaption>") < table.index("<table")
    assert figure.index("<img") < figure.index("<figcaption><b>Figure 1.</b> Curves.</figcaption>")
    assert 'alt="A sentence."' in figure
    assert "0.5" in table


def test_a_figure_of_matplotlib_has_the_given_alt_text_or_its_caption(shown):
    figure = Figure()
    figure.subplots().plot([1, 2])
    document = hand_in.Document()
    document.figure(figure, "My curve.", alt="A rising line.")
    document.figure(lambda: figure, "My curve again.")
    assert 'alt="A rising line."' in shown[0][0]
    assert 'alt="My curve again."' in shown[1][0]
    assert "data:image/png;base64,iVBOR" in shown[0][0]


def test_rows_that_are_only_counted_have_no_index(shown):
    hand_in.Document().table(pd.DataFrame({"measure": ["Dice"], "value": [0.5]}), "Scores.")
    assert "<th>0</th>" not in shown[0][0]
    assert "<td>Dice</td>" in shown[0][0]


def test_an_empty_table_says_none(shown):
    hand_in.Document().table(pd.DataFrame({"setting": []}), "Settings that differ.")
    assert shown[0][1] == "Table 1. Settings that differ. None."
    assert "<table" not in shown[0][0]


@pytest.mark.parametrize("kind", ["table", "figure"])
def test_a_missing_result_takes_no_number_and_names_the_cells(shown, course, kind):
    document = hand_in.Document()
    found = hand_in.find(course)
    getattr(document, kind)(lambda: found["unet"].history, "U-Net.")
    document.table(TABLE, "Scores.")
    assert shown[0][1].startswith("Missing: the U-Net has no results yet. Run Part B (2.5 to 2.9)")
    assert '<p class="missing">' in shown[0][0]
    assert shown[1][1].startswith("Table 1.")


def test_other_errors_are_not_hidden():
    with pytest.raises(KeyError):
        hand_in.Document().table(lambda: {}["typo"], "Scores.")


def test_the_cover_escapes_its_fields_and_marks_empty_ones(shown):
    hand_in.Document().cover("Tumours & <b>more</b>", "Ana", " ", "2026")
    markup, text = shown[0]
    assert '<header class="cover"><h1>Tumours &amp; &lt;b&gt;more&lt;/b&gt;</h1><p>Ana</p>' in markup
    assert "(course missing)" in text


def test_tables_of_records_show_each_score_with_its_protocol(results, dataset):
    table = hand_in.scores(hand_in.find(results), dataset).reset_index()
    assert table.loc[0].tolist() == ["always the largest class", "accuracy", "0.400", "nothing", "30 slices"]
    assert table.loc[1].tolist() == [
        "classifier", "accuracy", "0.800 (0.700 to 0.900)", "slice", "5 slices, 5 patients",
    ]  # fmt: skip
    assert table.loc[2, "measure"] == "Dice at threshold 0.5"
    assert table.loc[4, ["split by", "tested on"]].tolist() == ["family", "30 slices, 30 patients, 3 folds"]


def test_tables_of_settings_splits_and_origin_have_all_trainings(results, dataset):
    found = hand_in.find(results)
    names = ["classifier", "U-Net", "cross-validation by slice", "cross-validation by family"]
    assert hand_in.splits(found).index.tolist() == names
    assert hand_in.splits(found).loc["cross-validation by family", "training"] == "the other folds (3 in all)"
    assert hand_in.settings(found).columns.tolist() == names
    origin = hand_in.origin(found, dataset)
    assert origin.columns.tolist() == names


def test_a_training_on_other_data_is_marked(results, dataset):
    path = results.run_folder("protocols/by slice") / "run.json"
    path.write_text(path.read_text().replace(dataset.fingerprint["content"], "other"))
    assert (
        hand_in.origin(hand_in.find(results), dataset).columns[2] == "cross-validation by slice (other data)"
    )


def test_tables_of_records_need_a_result(course, dataset):
    found = hand_in.find(course)
    for table in (hand_in.settings, hand_in.splits):
        with pytest.raises(hand_in.MissingResultError, match="Run Part A"):
            table(found)
    for table in (hand_in.scores, hand_in.origin):
        with pytest.raises(hand_in.MissingResultError, match="Run Part A"):
            table(found, dataset)


def test_captions_labels_and_words_are_in_the_students_language(shown):
    document = hand_in.Document()
    with language.speaking("es"):
        document.table(TABLE, "Networks and hyper-parameters.")
        document.table(TABLE.iloc[:0], "My own caption, in any language {as it is}.")
        document.figure(style.sentence_figure("A sentence."), "Curves of {name}.", name="U-Net")
        document.cover("", "Ana", "", "2026")
    assert [text.splitlines()[0] for _, text in shown] == [
        "Cuadro 1. Redes e hiperparámetros.",
        "Cuadro 2. My own caption, in any language {as it is}. Ninguno.",
        "Figura 1. Curves of U-Net.",
        "(falta el título)",
    ]
    assert "<th>clase</th>" in shown[0][0]


def test_an_interval_in_spanish_stays_on_one_line(shown):
    hand_in.Document().table(pd.DataFrame({"value": ["0.9 (-0.1 a 0.8)"]}), "Scores.")
    assert "0.9&nbsp;(-0.1&nbsp;a&nbsp;0.8)" in shown[0][0]
