"""The student's technical report, and what is handed in."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"page": ["report_page"]})
