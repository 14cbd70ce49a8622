"""Settings of a run from the environment variables COURSE_*, and a report of what it runs on."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "environment": ["banner", "load_keras"],
        "settings": [
            "PROFILES",
            "Profile",
            "SEED",
            "Schedule",
            "Settings",
            "SettingsError",
            "load",
            "on_colab",
            "start",
        ],
    },
)
