"""Which use cases a new project keeps, and what goes with them.

No use case is named here. What belongs to one is seen from its files' names, from what imports
them, and from a constant `USE_CASE = "its name"` in a file that is about it alone.
"""

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

USE_CASES = "src/kpi_gate/examples"
SUPPORT = ("simulators", "carriers")  # folders of modules that stay with the use cases they serve
ALL, BLANK = "all", "blank"


def known_names(files: Iterable[str]) -> list[str]:
    """List the use cases that there are to choose from."""
    paths = (PurePosixPath(name) for name in files if name.startswith(f"{USE_CASES}/"))
    return sorted(path.stem for path in paths if path.suffix == ".py" and path.stem[0] != "_")


@dataclass(frozen=True)
class Selection:
    """What a person keeps of a repository.

    Attributes:
        root: The repository.
        files: Names of its files, from the root.
        kept: Use cases that stay.
        own: Name of the skeleton that is laid beside them; empty for none.
    """

    root: Path
    files: Sequence[str]
    kept: tuple[str, ...]
    own: str = ""

    @classmethod
    def read(cls, root: Path, files: Sequence[str], answer: str, own: str) -> "Selection":
        """Understand an answer such as "fraud, retention", "all" or "campaign, blank".

        Raises:
            ValueError: If it names something that is not there, or nothing.
        """
        known = known_names(files)
        there_are = f"there are: {', '.join(known)}; `{ALL}` for all; `{BLANK}` for a skeleton"
        words = set(re.findall(r"[^\s,]+", answer))
        if not words:
            raise ValueError(f"no use case is named; {there_are}")
        for word in sorted(words - {*known, ALL, BLANK}):
            raise ValueError(f"no use case {word!r}; {there_are}")
        if BLANK in words and own in known:
            raise ValueError(f"{own!r} is a use case already: give the skeleton another name")
        kept = tuple(name for name in known if name in words or ALL in words)
        return cls(root, files, kept, own if BLANK in words else "")

    @cached_property
    def left_out(self) -> set[str]:
        """Files that nothing needs which stays."""
        gone = {name for name in self._trees if self._owner(name) in self._dropped}
        while True:
            staying = self._trees.keys() - gone
            more = {name for name in staying if self._imports[name] & gone}
            needed = self._reached_from(n for n in staying - more if self._stands_alone(n))
            more |= {name for name in staying if _serves(name) and name not in needed}
            if not more:
                break
            gone |= more
        beside = {str(PurePosixPath(name).with_suffix("")) for name in gone}
        return {n for n in self.files if n in gone or n.rpartition(".")[0] in beside}

    def edit(self, name: str, text: str) -> str:
        """Take out of one of the repository's texts what does not stay."""
        if name == "use_cases.yaml":
            words = sorted(filter(None, (*self.kept, self.own)))
            return re.sub(r"(^use_cases:\n)(- .*\n)+", rf"\1{_items(words)}", text, flags=re.M)
        if name == "prefect.yaml":
            return self._deployments(text)
        if name == "Makefile":
            return _without_targets(text, self.left_out)
        if name == "pyproject.toml":
            text = _DATA.sub(lambda group: _without(group[0], self._unused), text)
            return text + (_OWN.format(f"{USE_CASES}/{self.own}") if self.own else "")
        if name == "requirements-data.lock":
            return self._lock(text)
        return text

    def _deployments(self, text: str) -> str:
        """Keep the deployments of what stays, and add the skeleton's after the first one's form."""
        head, *blocks = re.split(r"^(?=- name: )", text, flags=re.MULTILINE)
        kept = [block for block in blocks if _named(block) in self.kept]
        if self.own:
            skeleton = (self.root / "template/blank/blank.yaml").read_text("utf-8")
            forms = [block for block in blocks if _named(block) == _named(blocks[0])]
            kept += [_scheduled(block, self.own, skeleton) for block in forms]
        return head + "".join(sorted(kept, key=_named))

    @property
    def _dropped(self) -> set[str]:
        return {*known_names(self.files)} - {*self.kept}

    @cached_property
    def _trees(self) -> dict[str, ast.Module]:
        names = [name for name in self.files if name.endswith(".py")]
        return {name: ast.parse((self.root / name).read_bytes()) for name in names}

    @cached_property
    def _imports(self) -> dict[str, set[str]]:
        """Files of the repository that a file imports."""
        importable = (name for name in self._trees if not name.endswith("/__main__.py"))
        place = {module: name for name in importable for module in _modules(name)}
        return {
            name: {place[module] for module in _imported(tree) if module in place}
            for name, tree in self._trees.items()
        }

    def _owner(self, name: str) -> str:
        """Return the use case that a file is about; empty where it is about none."""
        path = PurePosixPath(name)
        named = path.stem.removeprefix("test_") if name.startswith("tests/") else path.stem
        if str(path.parent) in (USE_CASES, "tests/usecases") and named in self._dropped:
            return named
        for node in self._trees[name].body:
            match node:
                case ast.Assign([ast.Name("USE_CASE")], ast.Constant(str(owner))):
                    return owner
        return ""

    def _stands_alone(self, name: str) -> bool:
        return not _in_support(name) or self._owner(name) in self.kept

    def _reached_from(self, names: Iterable[str]) -> set[str]:
        reached: set[str] = set()
        ahead = set(names)
        while ahead:
            reached |= ahead
            ahead = set().union(*(self._imports[name] for name in ahead)) - reached
        return reached

    @cached_property
    def _requirements(self) -> list[str]:
        """Packages that carry data, as pyproject.toml names them."""
        group = _DATA.search((self.root / "pyproject.toml").read_text(encoding="utf-8"))
        return re.findall(r'"([^"]+)"', group[0]) if group else []

    @cached_property
    def _unused(self) -> list[str]:
        """Carriers that only files name which are left out."""
        gone = {name for name in self._trees if name in self.left_out}
        staying = {name for name in self._trees if name not in gone and name.startswith("src/")}
        lost, found = (
            {word for name in names for word in _words(self._trees[name])}
            for names in (gone, staying)
        )
        return [text for text in self._requirements if _package(text) in lost - found]

    def _lock(self, text: str) -> str:
        for requirement in self._unused:
            name = re.escape(_package(requirement))
            text = re.sub(rf"^{name}==.*\n(?:    .*\n)*", "", text, flags=re.MULTILINE)
        # its first line says what it was made from, as `tests/locks.py` does
        rest = sorted(text for text in self._requirements if text not in self._unused)
        digest = hashlib.sha256(json.dumps(rest).encode()).hexdigest()[:16]
        return re.sub(r"\A(.*requirements )[0-9a-f]{16}\n", rf"\g<1>{digest}\n", text)


_OWN = """
[tool.cruft]
skip = ["{0}.py", "{0}.yaml"] # begun as the template's skeleton, filled in here
"""
_DATA = re.compile(r"^data = \[.*\n(?:    .*\n)*\]", re.MULTILINE)


def _without(group: str, requirements: Iterable[str]) -> str:
    """Take requirements, and what is said of them, out of a list with one on a line."""
    for requirement in map(re.escape, requirements):
        group = re.sub(rf'^    "{requirement}",.*\n', "", group, flags=re.MULTILINE)
    return group


def _items(words: Iterable[str]) -> str:
    return "".join(f"- {word}\n" for word in words)


def _named(deployment: str) -> str:
    return deployment.split()[2]


def _scheduled(deployment: str, name: str, settings: str) -> str:
    """Give a deployment another use case, with the cron expression that its YAML asks for."""
    flow = re.findall(r"entrypoint: flows/(\w+)", deployment)[0]
    asked = rf'^schedule: .*{flow}: "([^"]+)".*timezone: ([\w/]+)'
    cron, zone = re.findall(asked, settings, re.MULTILINE)[0]
    deployment = re.sub(rf"\b{_named(deployment)}\b", name, deployment)
    return re.sub(r'cron: ".*", timezone: [^}]+', f'cron: "{cron}", timezone: {zone}', deployment)


def _without_targets(makefile: str, gone: Iterable[str]) -> str:
    """Take out the targets that run a module which is not there."""
    names = {module for name in gone for module in _modules(name)}
    for target in re.findall(r"^([a-z]+):.*\n(?:\t.*\n)+\n?", makefile, re.MULTILINE):
        block = re.search(rf"^{target}:.*\n(?:\t.*\n)+\n?", makefile, re.MULTILINE)
        if block and names.intersection(re.findall(r"-m ([\w.]+)", block[0])):
            makefile = makefile.replace(block[0], "")
            makefile = re.sub(rf"^(\.PHONY:.*) {target}\b", r"\1", makefile, flags=re.MULTILINE)
    return makefile


def _in_support(name: str) -> bool:
    return not set(SUPPORT).isdisjoint(PurePosixPath(name).parts)


def _serves(name: str) -> bool:
    return _in_support(name) and name.startswith("src/")


def _modules(name: str) -> Iterator[str]:
    """Return the names under which a file can be imported or run."""
    path = PurePosixPath(name)
    parts = path.with_suffix("").parts
    if parts[0] == "src":
        parts = parts[1:]
    yield ".".join(parts[:-1] if parts[-1] in ("__init__", "__main__") else parts)
    if parts[0] == "tests":  # pytest puts a test's own folder on the path
        yield path.stem


def _imported(tree: ast.Module) -> set[str]:
    """Return the modules that a file may import, with the packages they are in."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    parts = (module.split(".") for module in found)
    return {".".join(words[: end + 1]) for words in parts for end in range(len(words))}


def _words(tree: ast.Module) -> Iterator[str]:
    """Return the texts in a file that could name a package."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(str(text)) if re.fullmatch(r"[\w.-]+", text):
                yield _package(text)


def _package(text: str) -> str:
    """Return the name of a package in the one spelling that counts."""
    name = re.match(r"[A-Za-z0-9._-]*", text)
    return re.sub(r"[-_.]+", "-", name[0]).lower() if name else ""
