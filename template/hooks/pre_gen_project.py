"""Refuse names that Python, TOML or a shell cannot carry, before anything is written."""

import keyword
import re
import sys

# a block and not three strings: any answer can stand in it
project_name, project_slug, package_name, use_case_name, kpi_gate = r"""
{{ cookiecutter.project_name }}
{{ cookiecutter.project_slug }}
{{ cookiecutter.package_name }}
{{ cookiecutter.use_case_name }}
{{ cookiecutter.kpi_gate }}
""".splitlines()[1:]
FOLDERS = {"data", "flows", "kpi_gate", "src", "tests", "wheels"}

if not re.fullmatch(r"\w[\w .,&+-]*", project_name):
    sys.exit(f"{project_name!r} is no project name: use letters, digits, spaces and . , & + - _")
if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", project_slug):
    sys.exit(f"{project_slug!r} is no project slug: use lower-case letters, digits and single -")
if not re.fullmatch(r"[a-z][a-z0-9_]*", package_name) or keyword.iskeyword(package_name):
    sys.exit(f"{package_name!r} is no package name: use lower-case letters, digits and _")
if package_name in sys.stdlib_module_names | FOLDERS:
    sys.exit(
        f"{package_name!r} is taken by Python or by a folder of the project: choose another name"
    )
if not re.fullmatch(r"[a-z][a-z0-9_]*", use_case_name) or keyword.iskeyword(use_case_name):
    sys.exit(f"{use_case_name!r} is no name of a use case: use lower-case letters, digits and _")
if kpi_gate != "wheel" and not re.fullmatch(r"[0-9]+(\.[0-9a-z]+)*", kpi_gate):
    sys.exit(f"{kpi_gate!r} is no version of kpi-gate: write `wheel`, or one such as 0.2.0")
