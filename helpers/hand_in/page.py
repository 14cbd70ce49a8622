"""Placeholder."""


def report_page(notebook, *, code=False):
    from nbconvert import HTMLExporter

    return HTMLExporter().from_notebook_node(notebook)[0]
