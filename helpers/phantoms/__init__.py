"""The embedded data set: synthetic slices in the format of the published files."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "drawing": ["draw_patient_slice", "write_phantoms"],
        "matfiles": ["PhantomFolderError"],
        "patients": ["proportional_counts", "roster"],
    },
)
