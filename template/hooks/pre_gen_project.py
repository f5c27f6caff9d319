"""Refuse names that Python, TOML or a shell cannot carry, before anything is written."""

import keyword
import re
import sys

# a block and not three strings: any answer can stand in it
project_name, project_slug, package_name, blank_name = r"""
{{ cookiecutter.project_name }}
{{ cookiecutter.project_slug }}
{{ cookiecutter.package_name }}
{{ cookiecutter.blank_name }}
""".splitlines()[1:]
# what the package of use cases, the tests and the question itself call something else
TAKEN = {"all", "importlib", "load", "names", "pkgutil", "toy"}
FOLDERS = {"benchmarks", "data", "docs", "flows", "src", "tests"}

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
if not re.fullmatch(r"[a-z][a-z0-9_]*", blank_name) or keyword.iskeyword(blank_name):
    sys.exit(f"{blank_name!r} is no name of a use case: use lower-case letters, digits and _")
if blank_name in TAKEN:
    sys.exit(f"{blank_name!r} means something else already: give the skeleton another name")
