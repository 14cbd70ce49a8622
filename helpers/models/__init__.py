"""The networks, as block functions, and tables that describe them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "classification": ["CLASSIFIER_SHAPE", "classifier"],
        "inputs": ["on_bytes"],
        "segmentation": ["UNET_SHAPE", "convolution", "decoder_block", "encoder_block", "unet"],
        "summary": ["layer_counts", "layer_table", "parameter_counts"],
    },
)
