"""Write `prefect.yaml`: the deployments of the schedule for workers, from the same YAML."""

import re
from collections.abc import Container, Iterable
from contextlib import suppress
from pathlib import Path

from kpi_gate.environment import ENVIRONMENT
from kpi_gate.files import project
from kpi_gate.orchestration.deployments import Plan, plans_of
from kpi_gate.record import case_list
from kpi_gate.run.opening import follow_use_cases
from kpi_gate.usecase import discovery

CALL_RETRIES = "8"  # of one call to the server: a flow run in flight waits 8 minutes for it
HEAD = """\
# The deployments that `kpi-gate schedule` serves, for workers on this or other machines:
#   prefect work-pool create kpi-gate --type process
#   prefect deploy --all --no-prompt       # in this folder; needs PREFECT_API_URL
#   prefect worker start --pool kpi-gate
# The server of `kpi-gate ui` also asks for PREFECT_API_AUTH_STRING="$(cat .kpi-gate/prefect-auth)".
# A worker runs whatever its server's records say: trust all who may write there.
# Use this or `kpi-gate schedule`, not both: they deploy under the same names.
# What stands above `deployments:` is yours to change, and so are deployments of flows of your own.
# Those of `retrain`, `monitor` and `experiment` follow the schedules of the use cases' YAML:
# `kpi-gate list`, `retrain`, `monitor` and `schedule` bring them in step.
pull:
- prefect.deployments.steps.set_working_directory:
    directory: "{{ $PWD }}" # where it is deployed from; in an image: /app

definitions:
  work_pool: &work_pool
    name: kpi-gate
    job_variables:
      env:
<ENVIRONMENT>
      # a pool of type docker (package prefect-docker) also takes:
      # image: kpi-gate
      # image_pull_policy: Never
      # volumes: ["state:/app/.kpi-gate", "data:/app/data", "cache:/app/.dvc/cache"]
      # networks: [kpi-gate_default]
      # a pool of type kubernetes (package prefect-kubernetes) also takes:
      # image: registry.example/kpi-gate:1
      # namespace: kpi-gate
      # service_account_name: kpi-gate
      # finished_job_ttl: 86400
  once: &once
    limit: 1
    collision_strategy: CANCEL_NEW

deployments:
"""
FILE = "prefect.yaml"
DEPLOYMENT = """\
- name: {name}
  entrypoint: {folder}/{file}.py:{flow}
  parameters: {{name: {name}, scheduled: true}}
  schedules: [{{cron: "{cron}", timezone: {timezone}}}]
  tags: [{name}]
  concurrency_limit: *once
  work_pool: *work_pool
"""
TRIGGER = """\
  triggers:
  - expect: [{trigger}]
    match: {{prefect.resource.id: {resource}}}
    parameters: {{name: {name}, scheduled: true}}
"""
_OURS = re.compile(
    r"^  entrypoint: \S+/(retrain|monitor)\.py:(retrain|monitor|experiment)$", re.MULTILINE
)


def prefect_yaml(planned: Iterable[Plan]) -> str:
    """Return what a new `prefect.yaml` is to hold."""
    kept = {name: word for name, word in ENVIRONMENT.items() if not name.startswith("PREFECT_")}
    kept["PREFECT_CLIENT_MAX_RETRIES"] = CALL_RETRIES
    lines = (f'        {name}: "{word}"' for name, word in kept.items())
    return HEAD.replace("<ENVIRONMENT>", "\n".join(lines)) + "".join(map(_deployment, planned))


def in_step(text: str, names: Iterable[str], read: Container[str]) -> str:
    """Return what `prefect.yaml` is to hold, given what it holds.

    Args:
        text: What it holds.
        names: The use cases that there are.
        read: Those whose YAML is read anew, with those that have no deployment yet. One that
            cannot be loaded keeps what it has: it is told where it is used.
    """
    head, *blocks = re.split(r"^(?=- name: )", text, flags=re.MULTILINE)
    ours = [block for block in blocks if _OURS.search(block)]
    made = []
    for name in names:
        had = [block for block in ours if block.startswith(f"- name: {name}\n")]
        if name in read or not had:
            with suppress(Exception):  # the user's code may fail in any way
                had = [_deployment(plan) for plan in plans_of(name)]
        made += had
    return head + "".join([*made, *(block for block in blocks if block not in ours)])


def follow(root: Path, name: str = "") -> None:
    """Bring DVC's list and the deployments in step with the use cases, where the project has them.

    Args:
        root: Folder of the project.
        name: The use case that is at work; empty for all. The code of another that has deployments
            is not loaded.
    """
    follow_use_cases(root)
    path, names = root / FILE, discovery.names()
    if path.exists() and project.here().root == root:
        text = in_step(path.read_text(encoding="utf-8"), names, [name] if name else names)
        case_list.rewrite(path, text)


def _deployment(plan: Plan) -> str:
    found = project.here()
    folder = found.shown(found.flows).as_posix()
    facts = {**vars(plan), "resource": plan.resource, "folder": folder}
    facts["file"] = project.FLOW_FILES.get(plan.flow, plan.flow)
    return DEPLOYMENT.format(**facts) + (TRIGGER.format(**facts) if plan.trigger else "")


if __name__ == "__main__":
    follow(Path.cwd())
