"""From the published MATLAB files to a data set: download, read, preprocess, assemble, validate."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "archives": ["SourceError"],
        "assembly": ["AssemblyError", "assemble", "load_or_assemble"],
        "dataset": ["Dataset", "DatasetError"],
        "download": ["DownloadError"],
        "image_folder": ["ImageFolder", "ImageFolderError", "read_image_folder"],
        "matfile": ["MatFileError", "Slice", "read_folds", "read_slice"],
        "preprocessing": ["SIZES", "fill_border", "resize_image", "resize_mask", "to_uint8"],
        "sources": ["SliceFile", "fetch", "find_folds", "list_slices", "one_per_class"],
        "validation": ["summarise", "validate"],
    },
)
