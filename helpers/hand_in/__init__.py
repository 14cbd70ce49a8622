"""The student's technical report: stored results, numbered tables and figures, page and archive."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "archive": ["check", "pack"],
        "course_settings": ["changed_settings"],
        "document": ["Document"],
        "page": ["report_page"],
        "record_tables": ["origin", "scores", "settings", "splits"],
        "results": ["MissingResultError", "Results", "Run", "find", "records", "save_results"],
    },
)
