"""The sections of the student's technical report that a person reads."""

from helpers.checks.exercise import Exercise
from helpers.config.language import N_

EXERCISES = [
    Exercise(
        "R.1", N_("The problem"), 4, "open", words=(120, 350),
        hint=N_("Begin with the question that a doctor has, not with networks. Then use the medical "
                "introduction of notebook 1, in your own words."),
        rubric=(
            (N_("Says for a reader outside the course what the three tumours are, what a T1-weighted slice "
                "with contrast agent shows, and who would use an answer."), 2),
            (N_("Names both tasks, classification and segmentation, and what makes them hard."), 1),
            (N_("Statements about medicine and about other work have a source in the list of "
                "references."), 1),
        ),
    ),
    Exercise(
        "R.2", N_("Objectives"), 2, "open", words=(40, 150),
        hint=N_("Think of the first line of each paragraph in your discussion. An objective is the question "
                "that such a line answers."),
        rubric=(
            (N_("Each objective can be checked: a measure, the unit that was split, and what it is compared "
                "with."), 1),
            (N_("They follow from the problem; results and discussion come back to each of them."), 1),
        ),
    ),
    Exercise(
        "R.4", N_("Choices and their reasons"), 5, "open", words=(100, 400),
        hint=N_("Go through the tables above row by row. What would another value have changed, and how do "
                "you know?"),
        rubric=(
            (N_("Gives a reason for each setting that differs from the course's, or for keeping them "
                "all."), 2),
            (N_("Says how slices were split, what may be in two sets, and why."), 1),
            (N_("Says on which set each choice was made; none was made on the test set."), 1),
            (N_("Gives a reason for the measures and for the threshold."), 1),
        ),
    ),
    Exercise(
        "R.6", N_("Discussion"), 7, "open", words=(200, 700),
        hint=N_("Write one paragraph for each objective: the number with its protocol, what it is compared "
                "with, and what that means."),
        rubric=(
            (N_("Compares with a baseline and with the source report, each number with its protocol."), 2),
            (N_("Explains typical errors of both networks from figures or tables of this report."), 1),
            (N_("Says what data leakage does to the result, with the gap between the two protocols and its "
                "interval."), 2),
            (N_("Explains what the source report's IoU of 0.49 was."), 1),
            (N_("Says what the results do not show: the data, the few patients, one source."), 1),
        ),
    ),
    Exercise(
        "R.7", N_("Future work"), 2, "open", words=(60, 250),
        hint=N_("For each limit that your discussion names, ask which experiment would remove it."),
        rubric=(
            (N_("Each proposal follows from a weakness that the discussion found."), 1),
            (N_("Says how one would know that it helped: measure, protocol, comparison."), 1),
        ),
    ),
    Exercise(
        "R.8", N_("References"), 1, "open", words=(20, 400),
        hint=N_("Search your text for [ and for names. Each of them needs an entry, and each entry a place "
                "in the text."),
        rubric=(
            (N_("The data set, the source report and every work named in the text, complete enough to be "
                "found: authors, title, year, DOI or address."), 1),
        ),
    ),
]  # fmt: skip
