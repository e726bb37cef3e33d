"""What this process has counted for Prometheus so far."""

from prometheus_client import REGISTRY


def counted(name: str, *outcomes: str) -> list[float]:
    """Of each outcome."""
    found = [REGISTRY.get_sample_value(name, {"outcome": each}) for each in outcomes]
    return [each if each is not None else -1 for each in found]


def since(before: list[float], now: list[float]) -> list[float]:
    return [each - earlier for earlier, each in zip(before, now, strict=True)]
