"""What a run was made on: device, library versions, memory."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import psutil

MODULES = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch", "keras": "keras", "numpy": "numpy",
           "h5py": "h5py", "opencv": "cv2", "scikit-learn": "sklearn"}  # fmt: skip


def versions() -> dict[str, str]:
    """The versions of Python and of the libraries that decide a training's numbers.

    Returns:
        Name -> version; a library that was not loaded is left out.
    """
    loaded = {name: sys.modules.get(module) for name, module in MODULES.items()}
    found = {
        name: str(module.__version__) for name, module in loaded.items() if hasattr(module, "__version__")
    }
    return {"python": platform.python_version()} | found


def device() -> str:
    """The GPU's name, or what processor stands in for one.

    Returns:
        Such as "Tesla T4" or "CPU, 2 cores (x86_64)".
    """
    return gpu_name() or f"CPU, {os.cpu_count()} cores ({platform.machine()})"


def gpu_name() -> str | None:
    """Asks the NVIDIA driver for a GPU, without loading a deep-learning framework.

    Returns:
        The name of the first GPU, or None.
    """
    if shutil.which("nvidia-smi") is None:
        return None
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    names = answer.stdout.strip().splitlines()
    return names[0] if answer.returncode == 0 and names else None


def summary(folder: Path) -> str:
    """Says in a line what there is to compute with.

    Args:
        folder: of the disk that counts; it exists.

    Returns:
        Such as "Tesla T4, 12.7 GB of memory (11.2 free), 58 GB of disk free".
    """
    memory = psutil.virtual_memory()
    return (
        f"{gpu_name() or f'no GPU, {os.cpu_count()} CPU cores'}, "
        f"{memory.total / 1e9:.1f} GB of memory ({memory.available / 1e9:.1f} free), "
        f"{shutil.disk_usage(folder).free / 1e9:.0f} GB of disk free"
    )


def peak_bytes() -> int:
    """Finds the peak of this process's resident memory, mapped files included.

    Returns:
        Bytes.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        # Not getrusage: on Linux its peak is inherited from the process that started this one.
        lines = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
        if "VmHWM" in lines:  # some sandboxes leave it out
            return int(lines["VmHWM"].split()[0]) * 1024
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
