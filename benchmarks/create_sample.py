"""Create Sample in a process of its own, measured: `python -m benchmarks.create_sample FOLDER FILE...`."""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tools.contract import Given, LocalFile
from tools.create_sample import Inputs, Settings, run


@dataclass
class Alone:
    """As much of a running job as Create Sample uses."""

    given: Given
    out: Path
    cpus: int = 1

    def progress(self, fraction: float | None, note: str = "") -> None: ...

    def step(self, name: str) -> None: ...


def main() -> None:
    folder, files = Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]
    folder.mkdir()
    given = Given(
        Inputs.model_validate({"reads": [{"file": file.name} for file in files]}),
        Settings.model_validate({}),
        {"reads": [LocalFile(file, file.name, "fastq") for file in files]},
    )
    began = time.monotonic()
    run(Alone(given, folder))  # type: ignore[arg-type]
    seconds = time.monotonic() - began
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak is not None
    print(json.dumps({"seconds": seconds, "peak_mb": int(peak[1]) // 1024}))


if __name__ == "__main__":
    main()
