"""What is known of the accelerators that SkyPilot names. Pure."""

from collections.abc import Iterable, Mapping

GPU_GIGABYTES: Mapping[str, int] = {
    "a10": 24,
    "a100": 40,
    "a100-80gb": 80,
    "a10g": 24,
    "a40": 48,
    "a6000": 48,
    "b200": 180,
    "b300": 270,
    "gh200": 96,
    "h100": 80,
    "h100-mega": 80,
    "h100-sxm": 80,
    "h20": 96,
    "h200": 141,
    "h200-sxm": 141,
    "l4": 24,
    "l40": 48,
    "l40s": 48,
    "mi300x": 192,
    "rtx3090": 24,
    "rtx4090": 24,
    "rtx6000-ada": 48,
    "rtxa6000": 48,
    "t4": 16,
    "v100": 16,
    "v100-32gb": 32,
}
"""Gigabytes of memory of a GPU, by SkyPilot's name in small letters. (Source: the makers' data sheets.)"""


def find_gpu_gigabytes(name: str) -> int | None:
    """Return the gigabytes of memory of a GPU; None for one that is not known.

    >>> find_gpu_gigabytes("H100"), find_gpu_gigabytes("A100-80GB"), find_gpu_gigabytes("Ascend")
    (80, 80, None)
    """
    return GPU_GIGABYTES.get(name.lower())


def list_accelerators(accelerators: object) -> list[str]:
    """Return the kinds of accelerators with their counts, as SkyPilot writes them.

    >>> list_accelerators({"H100": 8, "A100": 4}), list_accelerators("L4"), list_accelerators(None)
    (['H100:8', 'A100:4'], ['L4'], [])
    >>> list_accelerators("H100:8, A100:4")
    ['H100:8', 'A100:4']
    """
    if isinstance(accelerators, Mapping):
        return [f"{name}:{count or 1}" for name, count in accelerators.items()]
    if isinstance(accelerators, str):
        return [name.strip() for name in accelerators.split(",") if name.strip()]
    return [str(accelerator) for accelerator in accelerators] if isinstance(accelerators, Iterable) else []
