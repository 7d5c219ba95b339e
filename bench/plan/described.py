"""A plan as plain data: its form in the manifest, its hash, and how it is read back to judge a run, also one of an older version."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import ValidationError

from bench.errors import RunFolderError
from bench.plan.plan import METHOD, Plan
from bench.plan.rules import Rules
from bench.plan.scenarios import SCENARIOS
from bench.plan.stacks import Stack
from bench.records.record import adapter

# Before a plan named its method, a launch's ratio was the median over its blocks.
FORMER_METHOD = "block-medians-1"
# Such a plan had no limit.
_FORMER_LIMIT_S = 86_400
# Keys for human readers only, or of older versions, which found rates once for a whole run.
_NOT_READ = ("pair_names", "bodies", "roles", "offered_rps", "saturation_rps")


def describe(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain data, as it stands in the manifest: all that decides what is done and how it is judged."""
    document: dict[str, Any] = adapter(Plan).dump_python(plan)
    return {
        **document,
        "pairs": [list(pair.stacks) for pair in plan.pairs],
        "pair_names": [pair.name for pair in plan.pairs],
        "changes": [[change.name, change.contender, change.baseline] for change in plan.changes],
        "stacks": {name: _describe_stack(stack, document["stacks"][name]) for name, stack in plan.stacks.items()},
        "bodies": {name: [one.body.decode() for one in SCENARIOS[name].each()] for part in plan.parts for name in part.scenarios},
        "roles": [{"row": list(row), "role": role, "level": plan.rules.levels[role]} for row, role in plan.roles.items()],
    }


def read_plan(document: Mapping[str, Any]) -> Plan:
    """Return the plan that `describe` wrote, also in an older version; rules that the plan does not name are today's.

    Raises `RunFolderError` if `document` is no plan.
    """
    try:
        return _read_plan(document)
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{error.errors()[0]['loc']}" if isinstance(error, ValidationError) else f"{error}"
        message = f"The plan of this run lacks what this version expects ({reason}), so it cannot be judged again."
        raise RunFolderError(message) from None


def read_rules(document: Mapping[str, Any]) -> Rules:
    """Return the rules of a plan that `describe` wrote."""
    rules: Rules = adapter(Rules).validate_python(_known(document.get("rules", {}), Rules))
    return rules


def hash_plan(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON of a plan as plain data."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def method_of(document: Mapping[str, Any]) -> str:
    """Return the name of the method by which a plan wants its ratios judged."""
    return str(document.get("method", FORMER_METHOD))


def _read_plan(document: Mapping[str, Any]) -> Plan:
    kept = {key: value for key, value in document.items() if key not in _NOT_READ}
    names = document.get("pair_names") or [" / ".join(pair) for pair in document["pairs"]]
    judged: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for entry in document["roles"]:
        _, contender, baseline, scenario, load, metric = entry["row"]
        row = {"role": entry["role"], "metric": metric, "scenario": scenario, "load": load}
        judged.setdefault((contender, baseline), []).append(row)
    pairs = [
        {"name": name, "contender": pair[0], "baseline": pair[1], "judged": judged.get(tuple(pair), ())}
        for name, pair in zip(names, document["pairs"], strict=True)
    ]
    changes = [dict(zip(("name", "contender", "baseline"), change, strict=True)) for change in document.get("changes", ())]
    stacks = {name: _modern_stack(stack) for name, stack in document["stacks"].items()}
    fresh = {"method": METHOD, "limit_s": document.get("limit_s", _FORMER_LIMIT_S), "rules": _known(document.get("rules", {}), Rules)}
    plan: Plan = adapter(Plan).validate_python({**kept, **fresh, "pairs": pairs, "changes": changes, "stacks": stacks})
    return plan


def _modern_stack(stack: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stack with the key of its bare server named `bare`."""
    return {"bare": stack.get("floor", ""), **{key: value for key, value in stack.items() if key != "floor"}}


def _known(given: Mapping[str, Any], kind: Any) -> dict[str, Any]:
    """Return the rules of a plan, without rules of an older version that are no longer used."""
    asked = {field.name: field.type for field in fields(kind) if field.name in given}
    return {name: _known(given[name], type_) if is_dataclass(type_) else given[name] for name, type_ in asked.items()}


def _describe_stack(stack: Stack, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stack as plain data, without the paths of its folders, so that the plan is the same on every machine."""
    folders = {name: path.name if path else None for name, path in (("folder", stack.folder), ("source", stack.source))}
    return {**document, **folders}
