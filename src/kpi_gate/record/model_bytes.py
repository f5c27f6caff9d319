"""One spelling of a skops archive: equal models give equal bytes, whoever wrote them and when."""

import io
import re
import zipfile

import numpy as np

_ID = re.compile(r'(?<="__id__": )\d+')
_FILE = re.compile(r'(?<="file": ")[\w-]+(?=\.(?:npy|npz|bin)")')


def canonical(archive: bytes) -> bytes:
    """Renumber what skops names by chance; drop the archive's times and the gaps in arrays."""
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        schema = source.read("schema.json").decode()
        numbers: dict[str, str] = {}
        for found in re.finditer(f"{_ID.pattern}|{_FILE.pattern}", schema):
            numbers.setdefault(found[0], str(len(numbers)))  # addresses, and names drawn by lot
        for pattern in (_ID, _FILE):
            schema = pattern.sub(lambda found: numbers[found[0]], schema)
        content = {"schema.json": schema.encode()}
        for name in source.namelist():
            stem, _, ending = name.partition(".")
            if name != "schema.json":
                member = source.read(name)
                kept = _without_gaps(member) if ending == "npy" else member
                content[f"{numbers.get(stem, stem)}.{ending}"] = kept
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as result:
        for name in sorted(content):
            result.writestr(zipfile.ZipInfo(name), content[name], zipfile.ZIP_DEFLATED)
    return target.getvalue()


def _without_gaps(member: bytes) -> bytes:
    """Zero the bytes between the fields of an array's records, which nobody ever set."""
    if b"'descr': [" not in member[:32]:  # no records
        return member
    array = np.load(io.BytesIO(member), allow_pickle=False)
    blank = np.zeros(array.shape, array.dtype)
    for name in array.dtype.names:
        blank[name] = array[name]
    target = io.BytesIO()
    np.save(target, blank, allow_pickle=False)
    return target.getvalue()
