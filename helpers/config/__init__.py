"""The settings of a run, and what it runs on."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "settings": [
            "PROFILES",
            "Profile",
            "SEED",
            "Schedule",
            "Settings",
            "SettingsError",
            "banner",
            "load",
            "on_colab",
            "start",
        ],
    },
)
