"""The report's two networks, the blocks of the U-Net, and tables that describe a network."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "classification": ["classifier"],
        "joint": ["joint_unet"],
        "segmentation": ["convolution", "decoder_block", "encoder_block", "unet"],
        "summary": ["layer_counts", "layer_table", "parameter_counts"],
    },
)
