from concurrent.futures import ThreadPoolExecutor

import pytest

from helpers import checks
from helpers.config import environment, language, settings
from helpers.config.settings import SettingsError


@pytest.fixture(autouse=True)
def english_afterwards():
    yield
    language.choose("en")


def test_texts_are_english_unless_another_language_was_chosen():
    assert language._("every slice") == "every slice"
    language.choose("es")
    assert language._("every slice") == "todos los cortes"
    language.choose("en")
    assert language._("every slice") == "every slice"


def test_a_text_without_a_translation_stays_english():
    language.choose("es")
    assert language._("A text that is in no catalogue.") == "A text that is in no catalogue."
    assert language._("") == ""


def test_without_catalogues_everything_is_english(monkeypatch, tmp_path):
    monkeypatch.setattr(language, "LOCALES", tmp_path)
    language.choose("es")
    assert language._("every slice") == "every slice"


def test_counts_choose_the_form():
    language.choose("es")
    forms = [language.ngettext("{count} slice", "{count} slices", count) for count in (0, 1, 2)]
    assert forms == ["{count} cortes", "{count} corte", "{count} cortes"]


@pytest.mark.parametrize(("chosen", "expected"), [("en", "12,728"), ("es", "12\u202f728")])
def test_thousands_are_separated_as_the_language_does(chosen, expected):
    language.choose(chosen)
    assert language.grouped(12_728) == expected
    assert language.grouped(12_727.6, ".0f") == expected
    assert language.grouped(2832) == ("2,832" if chosen == "en" else "2832")


@pytest.mark.parametrize(
    ("environ", "form", "expected"),
    [({}, "", "en"), ({}, "es", "es"), ({"COURSE_LANGUAGE": " ES"}, "en", "es"), ({}, "default", "en")],
)
def test_the_language_is_that_of_the_environment_or_the_notebook(environ, form, expected):
    assert settings.load(environ, language=form).language == expected


def test_an_unknown_language_is_refused_with_those_that_there_are():
    with pytest.raises(SettingsError, match=r"^LANGUAGE='fr' is unknown; choose 'en' .* or 'es'"):
        settings.load({}, language="fr")


def test_errors_of_the_first_call_are_in_the_language_of_the_notebook():
    with pytest.raises(SettingsError, match="no es") as error:
        settings.load({}, data="fantomas", language="es")
    assert "is neither" not in str(error.value)
    assert language.current() == "en"


def test_the_first_call_of_a_notebook_chooses_the_language(capsys):
    settings.start({}, language="es")
    assert capsys.readouterr().out.startswith("Curso     versión ")
    settings.start({}, language="en")
    assert capsys.readouterr().out.startswith("Course   version ")


def test_the_banner_keeps_its_columns(tmp_path):
    language.choose("es")
    lines = environment.banner(settings.load({"COURSE_HOME": str(tmp_path)})).splitlines()
    assert all(line[9] == " " and line[10] != " " for line in lines)


def test_exercises_that_were_made_before_the_choice_speak_the_language(capsys):
    language.choose("es")
    verdict = checks.check("1.8", lambda patient: patient)
    assert repr(verdict).startswith("Todavía no. 'MR") and "todavía tiene su letra" in verdict.message
    assert "<b>Todavía no.</b>" in verdict._repr_html_()
    assert repr(checks.check("1.8", None)).startswith("Sin responder.")
    checks.hint("1.8")
    checks.rubric("1.10")
    said = capsys.readouterr().out
    assert "dice si el último carácter es una letra" in said and "(1 punto)" in said
    assert checks.check("1.8", lambda patient: patient.rstrip("ABCDEF")).message.startswith("Se quita")


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        ("G.2.1", lambda maps, slopes: (maps * slopes.mean((0, 1))).sum(2), "evidencia en contra"),
        ("G.4.1", lambda heat, mask: (True, 0.5), "Primero va la parte"),
        ("H.2", lambda u, low, high: low + u * (high - low), "escala lineal"),
        ("H.5", lambda scores, n: scores.mean(), "n entra como potencia"),
        ("N.2", lambda image, field: (image * field).astype("uint8"), "se desborda"),
        (
            "N.3",
            lambda positive, negative: (positive[:, None] > negative).mean(),
            "No se contaron los empates",
        ),
        ("O.5.1", lambda pixels: pixels[..., 1:].sum((1, 2)).argmin(1) + 1, "la suma más pequeña"),
    ],
)
def test_the_checks_of_the_optional_notebooks_speak_the_language(number, answer, said):
    language.choose("es")
    verdict = checks.check(number, answer)
    assert said in verdict.message


def test_what_is_compared_stays_english():
    """Grading and notebooks compare the status of a verdict."""
    language.choose("es")
    assert checks.check("1.8", None).status == checks.NOT_ATTEMPTED


def test_a_language_for_a_while_is_that_of_one_thread():
    def other_thread():
        return language._("every slice")

    with language.speaking("es"), ThreadPoolExecutor(1) as threads:
        assert language._("every slice") == "todos los cortes"
        assert language.grouped(12_728) == "12\u202f728"
        assert threads.submit(other_thread).result() == "every slice"
    assert language._("every slice") == "every slice"


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["x = 1", 'DATA = "default"\nLANGUAGE = "es"  # @param ["en", "es"]'], "es"),
        (["LANGUAGE='ES'"], "es"),
        (['LANGUAGE = "en"'], "en"),
        (['LANGUAGE = "fr"'], "en"),
        (["print('LANGUAGE = \"es\"')"], "en"),
        ([], "en"),
    ],
)
def test_the_language_of_a_notebook_is_in_its_setup_cell(sources, expected):
    assert language.of_sources(sources) == expected


def test_a_text_in_every_language():
    assert language.in_all("every slice") == {"every slice", "todos los cortes"}
