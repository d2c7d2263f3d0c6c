"""What came out of a job: panels, tables, exports, archives. Reads folders and records; changes nothing."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from data import tables
from data.errors import BadInput, NotFound
from data.folders import Folders
from data.records import JobDetail
from tools.contract import Finished, Panel, Tool

_CHUNK = 1 << 20
#: Names of what zip would not make smaller, or not by much for its time.
PACKED = (
    ".gz", ".bgz", ".bz2", ".xz", ".zip", ".bam", ".cram", ".png", ".jpg", ".jpeg", ".parquet", ".bt2", ".bt2l",
)  # fmt: skip
_NUMBER = re.compile("[0-9]{1,6}")
#: A line of a log is seldom longer, in bytes.
_LINE = 500


def panels(tool: Tool, detail: JobDetail, folders: Folders) -> list[Panel]:
    finished = Finished(
        given_settings=detail.settings,
        given_inputs=detail.inputs,
        summary=detail.summary,
        warnings=detail.warnings,
        folder=folders.results(detail.job.id),
        rows=lambda name: rows(detail, folders, name),
        tables=[table["name"] for table in detail.tables],
    )
    return list(tool.view(finished))


def rows(detail: JobDetail, folders: Folders, name: str) -> list[dict[str, Any]]:
    return tables.read(folders.file_of(detail.job.id, describe(detail, name)["file"]))


def describe(detail: JobDetail, name: str) -> dict[str, Any]:
    """Title, file and columns of a result table."""
    for table in detail.tables:
        if table["name"] == name:
            return table
    raise NotFound(f"This job has no table {name!r}.")


def result_file(detail: JobDetail, folders: Folders, path: str) -> Path:
    """A result that the job's outcome names, or the folder of what it made for the library.

    Raises NotFound; no path is made from what was asked for.
    """
    if (item := library_item(detail, path)) is not None:
        return _library_folder(folders, item)
    known = {file["path"] for file in detail.files} | {table["file"] for table in detail.tables}
    if path not in known:
        raise NotFound("This job has no such file.")
    return folders.file_of(detail.job.id, path)


def library_item(detail: JobDetail, path: str) -> dict[str, Any] | None:
    """What the job made for the library, where that is what this path says."""
    return next((file for file in detail.files if file["path"] == path and file.get("file")), None)


def _library_folder(folders: Folders, item: dict[str, Any]) -> Path:
    folder = folders.upload(item["file"])
    if not folder.exists():
        raise NotFound(f"{item['title']} was deleted from the library.")
    return folder


def referred(detail: JobDetail, folders: Folders, path: str) -> tuple[Path, str]:
    """Path and name of a result, or, as `inputs/<input>/<number>`, of an input of the job."""
    parts = path.split("/")
    if parts[0] == "inputs" and len(parts) == 3 and _NUMBER.fullmatch(parts[2]):
        return input_file(detail, folders, parts[1], int(parts[2]))
    found = result_file(detail, folders, path)
    item = library_item(detail, path)
    return found, item["title"] if item else found.name


def input_file(detail: JobDetail, folders: Folders, input: str, number: int) -> tuple[Path, str]:
    """Path and name of an input file."""
    files = folders.given(detail.job).get(input, [])
    if not 0 <= number < len(files):
        raise NotFound("This job has no such input.")
    path, name, _ = files[number]
    return folders.root / path, name


def read_log(path: Path, tail: int | None) -> str:
    """The log, or its last lines. Empty before there is one."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        if tail is not None:
            end = file.seek(0, 2)
            file.seek(max(0, end - tail * _LINE))
        text = file.read().decode("utf-8", "replace")
    return text if tail is None else "\n".join(text.splitlines()[-tail:])


def export(detail: JobDetail, folders: Folders, format: str) -> tuple[str, str, bytes]:
    """(file name, media type, content). CSV holds the first table, or the summary where there is none."""
    if format == "json":
        return f"{stem(detail)}.json", "application/json", _json(detail, folders)
    if format == "csv":
        return f"{stem(detail)}.csv", "text/csv; charset=utf-8", _csv(detail, folders)
    raise BadInput(f"There is no export as {format!r}; choose csv or json.", field="format")


def archive(detail: JobDetail, folders: Folders) -> Iterator[bytes]:
    """Everything of a job as a zip: results, inputs, log, and job.json with the envelope.

    What it made for the library is named in job.json and not in the zip: it lives on its own.
    """
    root = Path(stem(detail))
    first = [(str(root / "job.json"), _json(detail, folders))]
    yield from zipped(((source, str(root / name)) for source, name in members(detail, folders)), first)


def zipped(members: Iterable[tuple[Path, str]], first: Iterable[tuple[str, bytes]] = ()) -> Iterator[bytes]:
    """Files under names as a zip that is made while it is sent. What is compressed already is only stored."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as bundle:
        for name, content in first:
            bundle.writestr(name, content)
        for source, name in members:
            info = zipfile.ZipInfo.from_file(source, name, strict_timestamps=False)
            info.compress_type = zipfile.ZIP_STORED if name.endswith(PACKED) else zipfile.ZIP_DEFLATED
            with source.open("rb") as file, bundle.open(info, "w", force_zip64=True) as member:
                while chunk := file.read(_CHUNK):
                    member.write(chunk)
                    yield sink.take()
    yield sink.take()


def members(detail: JobDetail, folders: Folders) -> Iterator[tuple[Path, Path]]:
    """Each file of a job, with its name in an archive."""
    log = folders.log(detail.job)
    if log.exists():
        yield log, Path("log.txt")
    results = folders.results(detail.job.id)
    for path in plain_files(results):
        yield path, Path("results") / path.relative_to(results)
    for name, files in folders.given(detail.job).items():
        for number, (below, given_name, _) in enumerate(files):
            # The person's name has no slash (clean_name); the number keeps two of the same name apart.
            target = Path("inputs") / name / f"{number + 1}-{given_name}"
            source = folders.root / below
            if source.is_dir():
                yield from ((one, target / one.relative_to(source)) for one in plain_files(source))
            else:
                yield source, target


def plain_files(folder: Path) -> list[Path]:
    """The files of a folder that are no links, also those in folders of it."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]


def input_files(folders: Folders, detail: JobDetail) -> dict[str, list[dict[str, Any]]]:
    """Name, format and size of each input file, by input."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, files in folders.given(detail.job).items():
        found[name] = [
            {"name": given, "format": format, "bytes": size(folders.root / path)}
            for path, given, format in files
        ]
    return found


def size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    return sum(one.stat().st_size for one in plain_files(path)) if path.is_dir() else path.stat().st_size


def _json(detail: JobDetail, folders: Folders) -> bytes:
    job = detail.job
    envelope = {
        "name": job.name,
        "tool": job.tool,
        "job": job.id,
        "status": job.status.value,
        "created_at": job.created_at.isoformat() + "Z",
        "ended_at": job.ended_at and job.ended_at.isoformat() + "Z",
        "inputs": detail.inputs,
        "settings": detail.settings,
        "summary": detail.summary,
        "warnings": detail.warnings,
        "tables": {
            table["name"]: {"columns": table["columns"], "rows": rows(detail, folders, table["name"])}
            for table in detail.tables
        },
        "library": [file for file in detail.files if file.get("file")],
        "error": job.error and {"kind": job.error.kind.value, "message": job.error.message},
    }
    return json.dumps(envelope, ensure_ascii=False, indent=1, default=str).encode()


def table_csv(detail: JobDetail, folders: Folders, name: str) -> bytes:
    """A table with all its rows, units in the header, and the result's warnings above it."""
    columns = describe(detail, name)["columns"]
    return tables.to_csv(rows(detail, folders, name), columns, _notes(detail)).encode()


def _notes(detail: JobDetail) -> list[str]:
    notes = [f"{detail.job.name} ({detail.job.tool}, {detail.job.created_at:%Y-%m-%d})"]
    return notes + [f"Warning: {warning}" for warning in detail.warnings]


def _csv(detail: JobDetail, folders: Folders) -> bytes:
    if detail.tables:
        return table_csv(detail, folders, detail.tables[0]["name"])
    columns = [{"name": "key", "label": "Key", "unit": ""}, {"name": "value", "label": "Value", "unit": ""}]
    values = [{"key": key, "value": value} for key, value in detail.summary.items()]
    return tables.to_csv(values, columns, _notes(detail)).encode()


def stem(detail: JobDetail) -> str:
    """A file name from the job's."""
    return file_stem(detail.job.name) or detail.job.tool


def file_stem(name: str) -> str:
    """Letters, digits and a few signs of a name; may be empty."""
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
    return kept.strip("-.")[:80]


class _Sink(io.RawIOBase):
    """What zipfile writes into; taken away piece by piece."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken
