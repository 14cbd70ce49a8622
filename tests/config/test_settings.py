import pytest

from helpers.config import drive, settings
from helpers.config.settings import SettingsError


def load(**environ):
    return settings.load(environ)


def test_defaults_outside_colab():
    course = load()
    assert course.data == "phantoms"
    assert course.profile.name == "quick"
    assert course.home == settings.COURSE_FOLDER / "data"
    assert not course.colab


@pytest.mark.parametrize(("gpu", "profile"), [("Tesla T4", "full"), (None, "quick")])
def test_defaults_on_colab(monkeypatch, gpu, profile):
    monkeypatch.setattr(settings, "on_colab", lambda: True)
    monkeypatch.setattr(settings, "gpu_name", lambda: gpu)
    course = load()
    assert (course.data, course.profile.name) == ("figshare", profile)
    assert course.home.as_posix() == "/content/course"


def test_the_environment_takes_precedence_over_the_form():
    form = {"data": "figshare", "profile": "Full"}
    chosen = settings.load({}, **form)
    assert (chosen.data, chosen.profile.name) == ("figshare", "full")
    chosen = settings.load({"COURSE_DATA": "phantoms", "COURSE_PROFILE": "quick"}, **form)
    assert (chosen.data, chosen.profile.name) == ("phantoms", "quick")
    assert settings.load({}, data="default", profile="Default ") == load()


def test_a_form_field_that_has_no_effect_is_named(capsys):
    environ = {"COURSE_DATA": "phantoms", "COURSE_PROFILE": "quick"}
    settings.start(environ, data="figshare", profile="full")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Ignored")]
    assert lines == [
        "Ignored  DATA='figshare', since the environment variable COURSE_DATA is 'phantoms'; "
        "PROFILE='full', since the environment variable COURSE_PROFILE is 'quick'"
    ]
    settings.start(environ, data="default", profile="Quick ")
    settings.start({"COURSE_DATA": ""}, data="phantoms", profile="quick")
    assert "Ignored" not in capsys.readouterr().out


def test_a_bad_value_of_the_form_is_refused_with_the_name_of_its_field():
    with pytest.raises(SettingsError, match=r"^DATA='fantoms' .*Did you mean 'phantoms'"):
        settings.load({}, data="fantoms")
    with pytest.raises(SettingsError, match=r"^PROFILE='fast' is unknown"):
        settings.load({}, profile="fast")


def test_a_relative_folder_becomes_absolute(tmp_path, monkeypatch):
    (tmp_path / "slices").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load(COURSE_DATA="slices").data == str((tmp_path / "slices").resolve())


def test_each_source_has_its_own_data_set(tmp_path):
    (tmp_path / "a" / "mats").mkdir(parents=True)
    (tmp_path / "b" / "mats").mkdir(parents=True)
    values = ["phantoms", "figshare", str(tmp_path / "a" / "mats"), str(tmp_path / "b" / "mats")]
    folders = {load(COURSE_DATA=value, COURSE_HOME=str(tmp_path)).dataset_folder for value in values}
    folders.add(load(COURSE_PROFILE="full", COURSE_HOME=str(tmp_path)).dataset_folder)
    assert len(folders) == 5


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("COURSE_DATA", "fantoms", "Did you mean 'phantoms'?"),
        ("COURSE_DATA", "/no/such/folder", "nor a folder that exists"),
        ("COURSE_DATA", __file__, "nor a folder that exists"),
        ("COURSE_PROFILE", "fast", "choose 'quick' or 'full'"),
        ("COURSE_DATA", "x" * 5000, "is not a path"),
        ("COURSE_HOME", __file__, "is a file"),
        ("COURSE_HOME", __file__ + "/below", "is a file"),
    ],
)
def test_a_bad_value_is_refused_with_its_name(variable, value, words):
    with pytest.raises(SettingsError) as caught:
        load(**{variable: value})
    assert variable in str(caught.value)
    assert value[:80] in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize("name", settings.PROFILES)
def test_micro_batches_divide_the_batch(name):
    profile = settings.PROFILES[name]
    for schedule in (profile.classifier, profile.unet):
        assert schedule.batch % (schedule.micro_batch or 1) == 0


def test_the_full_profile_is_that_of_the_report():
    full = settings.PROFILES["full"]
    assert (full.classifier.epochs, full.classifier.batch) == (20, 300)
    assert (full.unet.epochs, full.unet.batch) == (40, 32)
    assert full.slices is None


def test_case_and_spaces_are_ignored():
    course = load(COURSE_DATA=" Phantoms", COURSE_PROFILE="FULL ")
    assert (course.data, course.profile.name) == ("phantoms", "full")


def test_a_folder_without_write_access_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(settings.os, "access", lambda *_: False)
    with pytest.raises(SettingsError, match="cannot be written to"):
        load(COURSE_HOME=str(tmp_path / "new"))


def test_copies_go_to_the_folder_that_is_set(tmp_path):
    course = load(COURSE_COPIES=str(tmp_path))
    assert course.copy_folder("unet") == tmp_path / "runs" / "phantoms-240-quick" / "unet"
    assert load().copy_folder("unet") is None


def test_copies_go_to_drive_as_soon_as_it_is_mounted(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "on_colab", lambda: True)
    monkeypatch.setattr(drive, "DRIVE", tmp_path / "MyDrive")
    course = load()
    assert course.copy_folder("unet") is None
    (tmp_path / "MyDrive").mkdir()
    folder = tmp_path / "MyDrive" / "brain-mri-course" / "runs" / "figshare-quick" / "unet"
    assert course.copy_folder("unet") == folder


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("COURSE_PROFIL", "COURSE_PROFILE"),
        ("COURSE_DATE", "COURSE_DATA"),
        ("course_home", "COURSE_HOME"),
        ("COURSE-DATA", "COURSE_DATA"),
        ("COURSES_HOME", "COURSE_HOME"),
        ("COURSECOPIES", "COURSE_COPIES"),
    ],
)
def test_a_misspelt_variable_is_named(name, meant):
    with pytest.raises(SettingsError, match=f"{name} is not a variable .* Did you mean {meant}"):
        load(**{name: "quick"})


def test_a_variable_of_something_else_is_named_but_does_not_stop(capsys):
    settings.start({"COURSE_ID": "7", "COURSE_PROFILE": "quick", "PATH": "x"})
    said = capsys.readouterr().out
    assert "Ignored  COURSE_ID: the course's variables are COURSE_DATA, COURSE_PROFILE" in said
    settings.start({"COURSE_PROFILE": "quick"})
    assert "Ignored" not in capsys.readouterr().out
