"""A forecast as JSON; what it means is told in docs/forecast.md. Keys are added, never taken away."""

from datetime import UTC, datetime
from typing import Any

from lint.forecast.cost import hours, requests_of, unit
from lint.forecast.courses import Course, most_pod_seconds, most_pods
from lint.forecast.dates import Calendar
from lint.forecast.forecast import Forecast
from lint.forecast.tries import ENDLESS, Round
from lint.path import dotted


def data(told: Forecast, file: str, line: int) -> dict[str, Any]:
    """Return a forecast as a JSON value."""
    plan, courses = told.plan, {"success": told.success, "failure": told.failure, "longest": told.longest}
    return {
        "file": file,
        "line": line,
        "object": {"kind": told.kind, "namespace": told.namespace, "name": told.name},
        "assumptions": {"runTimeSeconds": told.given.run_time, "exitCode": told.given.exit_code},
        "pods": {"atOnce": plan.together, "ifNoneFails": plan.pods, "atMost": most_pods(plan)},
        "courses": {name: course and _course(course) for name, course in courses.items()},
        "deletedAfterSeconds": plan.ttl,
        "requests": _requests(told),
        "calendar": told.calendar and _calendar(told.calendar),
        "facts": [
            {
                "topic": fact.topic,
                "text": fact.text,
                "causes": [
                    {"path": dotted(cause.path), "value": cause.value, "written": cause.written}
                    for cause in fact.causes
                ],
            }
            for fact in told.facts
        ],
    }


def _course(course: Course) -> dict[str, Any]:
    rounds = (*course.rounds, *filter(None, [course.last]))
    return {
        "condition": course.condition,
        "reason": course.reason,
        "field": course.field,
        "decidedSeconds": course.target,
        "endSeconds": course.end,
        "pods": course.pods,
        "podSeconds": course.pod_seconds,
        "tries": course.tries,
        "shown": [_round(one) for one in rounds],
    }


def _round(one: Round) -> dict[str, Any]:
    return {
        "startSeconds": one.start,
        "endSeconds": one.end if one.end < ENDLESS else None,
        "waitSeconds": one.wait,
        "pods": one.pods,
        "first": one.first,
        "try": one.number,
        "outcome": one.outcome,
    }


def _requests(told: Forecast) -> dict[str, Any]:
    """Return what is set aside by resource, for how long."""
    usual = None if told.success is None else told.success.pod_seconds
    most = most_pod_seconds(told.plan, told.given)
    return {
        key: {
            "perPod": hours(number, key, 3600),
            "unit": unit(key),
            "ifNoneFails": None if usual is None else round(hours(number, key, usual), 6),
            "atMost": None if most is None else round(hours(number, key, most), 6),
        }
        for key, number in requests_of(told.plan).items()
    }


def _calendar(dates: Calendar) -> dict[str, Any]:
    return {
        "timeZone": dates.zone_name,
        "timeZoneWritten": dates.zone_known,
        "runSeconds": dates.length,
        "runs": [
            {
                "scheduled": _utc(run.scheduled),
                "clock": run.scheduled.astimezone(dates.zone).isoformat(),
                "starts": run.start and _utc(run.start),
                "ends": run.end and _utc(run.end),
                "outcome": run.outcome,
            }
            for run in dates.runs
        ],
        "clocks": [{"clock": one.clock.isoformat(), "runs": 2 if one.doubled else 0} for one in dates.odd],
    }


def _utc(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
