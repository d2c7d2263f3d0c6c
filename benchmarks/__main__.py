"""Run the benchmarks, print their tables, and write results/<name>.json."""

from __future__ import annotations

import argparse
import importlib
import time

from benchmarks import report

NAMES = ("jobs", "batch", "store", "screen", "vina", "reads", "pathoscope")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="|".join(NAMES), help="default: all")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see whether everything works")
    given = parser.parse_args()
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    for name in given.names or NAMES:
        about, began = report.machine(), time.monotonic()
        found = importlib.import_module(f"benchmarks.{name}").measure(quick=given.quick)
        report.show(found)
        print(f"\n   {time.monotonic() - began:.0f} s; {report.save(found, about)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
