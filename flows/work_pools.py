"""Write `prefect.yaml`: the deployments of the schedule for workers, from the same YAML.

`python -m flows.work_pools --write` writes it; without `--write` it says whether it is in step.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path

from flows.plans import Plan, plans
from kpi_gate.stores.settings import ENVIRONMENT

CALL_RETRIES = "8"  # of one call to the server: a flow run in flight waits 8 minutes for it
HEAD = """\
# The deployments that `kpi-gate schedule` serves, for workers on this or other machines:
#   prefect work-pool create kpi-gate --type process
#   prefect deploy --all --no-prompt       # in this folder; needs PREFECT_API_URL
#   prefect worker start --pool kpi-gate
# Use this or `kpi-gate schedule`, not both: they deploy under the same names.
# Written by `python -m flows.work_pools --write` from the schedules of the use cases' YAML; a test
# says when it is out of step. Change the head in `flows/work_pools.py`.
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
DEPLOYMENT = """\
- name: {name}
  entrypoint: flows/{flow}.py:{flow}
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


def prefect_yaml(planned: Iterable[Plan]) -> str:
    """Return what `prefect.yaml` is to hold."""
    kept = {name: word for name, word in ENVIRONMENT.items() if not name.startswith("PREFECT_")}
    kept["PREFECT_CLIENT_MAX_RETRIES"] = CALL_RETRIES
    lines = (f'        {name}: "{word}"' for name, word in kept.items())
    text = HEAD.replace("<ENVIRONMENT>", "\n".join(lines))
    for plan in planned:
        facts = {**vars(plan), "resource": plan.resource}
        text += DEPLOYMENT.format(**facts) + (TRIGGER.format(**facts) if plan.trigger else "")
    return text


def main() -> None:
    """Write the file, or say whether it is in step."""
    options = ArgumentParser(description=__doc__)
    options.add_argument("--write", action="store_true")
    write, path, text = options.parse_args().write, Path("prefect.yaml"), prefect_yaml(plans())
    if write:
        path.write_text(text, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != text:
        sys.exit(f"{path} is out of step: run `python -m flows.work_pools --write`")


if __name__ == "__main__":
    main()
