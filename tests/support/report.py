"""An executed report such as a student hands in, with every kind of cell: input of the tests of its page."""

import base64
import functools
import io

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.checks.exercise import OPEN_STUB

PROBLEM = """Meningioma, glioma and pituitary tumour are the three most frequent kinds of brain tumour in
adults [1]. A radiologist sees them on T1-weighted slices with contrast agent. This report asks whether two
small networks can

1. name the kind of tumour in a slice (classification), and
2. outline it (segmentation),

when no patient is in more than one set. Section R.5 has the results, [the discussion](#R.6-Discussion) what
they mean."""
THEORY = r"""The masks are compared with the Dice coefficient and the intersection over union,

$$\text{Dice} = \frac{2\,|A \cap B|}{|A| + |B|}, \qquad \text{IoU} = \frac{|A \cap B|}{|A \cup B|},$$

where $A$ is the set of pixels that the network marks, and $B$ the expert's. They are related by $\text{IoU} =
\text{Dice} / (2 - \text{Dice})$. The optimizer is Adam, with $\hat m_t = m_t / (1 - \beta_1^t)$:

\begin{align}
m_t &= \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
\theta_t &= \theta_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \varepsilon}
\end{align}

### Intervals

All intervals are percentile intervals of 2,000 bootstrap samples *of patients*, since slices of one patient
resemble each other; `scipy.stats.bootstrap` draws them."""
SENTENCE = "The errors are mostly meningiomas taken for gliomas, near the skull, where both are bright. "
DISCUSSION = f"""Split by patient, the accuracy falls. What falls is not the network but the estimate:
slices of one patient are nearly copies, so that a network that has seen one of them has seen them all.

> A slice-wise split rewards memory.

| protocol | slices | accuracy |
|:--|--:|--:|
| by slice | 613 | 0.93 |
| by patient | 622 | 0.84 |

{SENTENCE * 14}"""
REFERENCES = """1. Cheng J, et al. Enhanced performance of brain tumor classification via tumor region
   augmentation and partition. *PLoS ONE* 10(10):e0140381, 2015.
   <https://doi.org/10.1371/journal.pone.0140381>
2. Pose 2023, the source report."""
WRITTEN = {
    "problem": PROBLEM,
    "objectives": "An accuracy with its interval, by patient, against the nearest neighbour.",
    "theory": THEORY,
    "methods": "All settings are the course's.",
    "discussion": DISCUSSION,
    "future": OPEN_STUB,
    "references": REFERENCES,
}


def executed_report(**answers: str) -> NotebookNode:
    """Return the report.

    Args:
        **answers: other texts than `WRITTEN`; an empty theory is none.
    """
    written = WRITTEN | answers
    return new_notebook(
        cells=[
            removed(new_markdown_cell("# R · Your technical report\n\nTime: six hours.")),
            removed(new_code_cell("config.start()", outputs=[stream("Python 3.12, quick profile")])),
            new_code_cell("document.cover(TITLE, AUTHOR, COURSE, DATE)", outputs=[html(COVER)]),
            heading(1, "Problem"), question(1), *answer(1, written["problem"]),
            heading(2, "Objectives"), *answer(2, written["objectives"]),
            heading(3, "Theory"), new_markdown_cell(written["theory"]),
            heading(4, "Data and methods"), *answer(4, written["methods"]),
            new_code_cell("document.table(settings, ...)", outputs=[html(long_table(70))]),
            heading(5, "Results"),
            new_markdown_cell("### Classifier"),
            new_code_cell("document.table(...)", outputs=[html(wide_table())]),
            new_code_cell("document.figure(...)", outputs=[html(figure(1, 8, 4))]),
            new_code_cell(
                "import numpy as np\n\nnp.round(accuracy, 2)  # my own",
                outputs=[new_output("execute_result", {"text/plain": "np.float64(0.84)"}), stream("84 %\n"),
                         stream("a warning", "stderr")],
            ),
            new_markdown_cell("### Segmentation"),
            new_code_cell("document.figure(...)", outputs=[html(figure(2, 6, 9))]),
            new_code_cell("document.figure(...)", outputs=[html(figure(3, 10, 5))]),
            new_code_cell("document.table(...)", outputs=[html(wider_table())]),
            heading(6, "Discussion"), *answer(6, written["discussion"]),
            heading(7, "Future work"), *answer(7, written["future"]),
            heading(8, "References"), *answer(8, written["references"]),
            heading(9, "To repeat this"),
            new_code_cell("document.table(...)", outputs=[html(long_table(12))]),
            heading(10, "Hand in"), removed(new_code_cell("hand_in.pack()", outputs=[stream("packed")])),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )  # fmt: skip


COVER = (
    '<header class="cover"><h1>Two networks for brain MRI &amp; what they don’t know</h1>'
    "<p>Ana Núñez</p><p>Deep learning for brain MRI</p><p>2026-11-26</p></header>"
)


def removed(cell: NotebookNode) -> NotebookNode:
    """Tag a cell that does not belong on the page."""
    cell.metadata.tags = ["remove-cell"]
    return cell


def heading(number: int, title: str) -> NotebookNode:
    return new_markdown_cell(f"## R.{number} {title}")


def question(number: int) -> NotebookNode:
    return removed(new_markdown_cell(f"### Think! R.{number}: a question\n\nWhat is it?"))


def answer(number: int, text: str) -> list[NotebookNode]:
    """Return rubric and answer."""
    rubric = removed(new_code_cell(f'checks.rubric("R.{number}")', outputs=[stream("4 points")]))
    return [rubric, new_markdown_cell(f"**Your answer to Think! R.{number}**\n\n{text}")]


def stream(text: str, name: str = "stdout") -> NotebookNode:
    return new_output("stream", name=name, text=text)


def html(text: str) -> NotebookNode:
    return new_output("display_data", {"text/html": text, "text/plain": "in words"})


def long_table(rows: int) -> str:
    """A table that is longer than a printed page if it has 70 rows."""
    table = pd.DataFrame(
        {"value": [f"{row / 7:.3f}" for row in range(rows)], "where it is set": "the setup cell"},
        index=[f"setting {row}" for row in range(rows)],
    )
    return numbered(
        f"<figcaption><b>Table {rows}.</b> Settings of both networks.</figcaption>{markup(table)}"
    )


def wide_table() -> str:
    """A table that is wider than a telephone."""
    scores = ["accuracy", "macro F1", "precision", "recall", "AUC"]
    table = pd.DataFrame(
        [["1,226", "233", *["0.84 [0.80, 0.88]"] * 5, "–"]] * 3,
        index=["by slice", "by patient", "by family"],
        columns=["slices", "patients", *scores, "seconds"],
    )
    caption = (
        "<figcaption><b>Table 2.</b> Scores of the classifier with 95 % intervals over patients.</figcaption>"
    )
    return numbered(caption + markup(table))


def wider_table() -> str:
    """A table that is wider than a printed page."""
    table = pd.DataFrame(
        [[f"{column}.123456" for column in range(18)]] * 3,
        columns=[f"measure {column}" for column in range(18)],
    )
    return numbered(f"<figcaption><b>Table 3.</b> All measures.</figcaption>{markup(table)}")


def markup(table: pd.DataFrame) -> str:
    return table.to_html(border=0).replace(' style="text-align: right;"', "")


@functools.cache
def figure(number: int, width: float, height: float) -> str:
    """A figure of a size in inches."""
    drawn, buffer = Figure(figsize=(width, height)), io.BytesIO()
    axes = drawn.subplots()
    axes.plot(np.linspace(0, 30, 200), np.sin(np.linspace(0, 30, 200)))
    axes.set(xlabel="epoch", ylabel="loss", title="Learning curve")
    drawn.savefig(buffer, format="png", dpi=150)
    image = base64.b64encode(buffer.getvalue()).decode("ascii")
    return numbered(
        '<img alt="Loss per epoch, of the training and the validation set." '
        f'src="data:image/png;base64,{image}">'
        f"<figcaption><b>Figure {number}.</b> The loss of both sets per epoch; the dotted line is the epoch "
        "whose weights were kept.</figcaption>"
    )


def numbered(content: str) -> str:
    return f'<figure class="numbered">{content}</figure>'
