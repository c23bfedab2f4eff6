"""What a Job's Pods ask for, and for how long."""

from lint.amounts import Amounts, amounts_of, side_by_side
from lint.forecast.plan import Plan

_POD_LEVEL = 34
"""The first minor that knows resources of a Pod as a whole."""
_UNITS = {"cpu": (1000, "core"), "memory": (1000 << 30, "GiB"), "ephemeral-storage": (1000 << 30, "GiB")}


def requests_of(plan: Plan) -> Amounts:
    """Return what the scheduler sets aside for a Pod, in thousandths."""
    pod = plan.job.pod
    requests = side_by_side(plan.job, "limits", "requests")
    if plan.job.minor >= _POD_LEVEL:
        requests = {**amounts_of(pod.at("resources"), "limits"), **requests}
        requests |= amounts_of(pod.at("resources"), "requests")
    for key, number in amounts_of(pod, "overhead").items():
        requests[key] = requests.get(key, 0) + number
    return {key: requests[key] for key in sorted(requests) if requests[key] > 0}


def hours(thousandths: int, key: str, seconds: int) -> float:
    """Return a resource over a time, in the unit of `unit` and hours."""
    return thousandths / _UNITS.get(key, (1000, ""))[0] * seconds / 3600


def unit(key: str) -> str:
    """Return the unit that a resource is counted in."""
    return f"{_UNITS.get(key, (0, key))[1]}-hours"
