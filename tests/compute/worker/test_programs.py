"""Programs of a run, real ones where it matters: what they say, how far they have read, and how they end."""

from __future__ import annotations

import gzip
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from compute.worker import processes, programs
from compute.worker.programs import LimitFailure, Programs, Reading
from tests.compute.worker.running import gone, until
from tools.contract import InputFailure, ToolFailure
from tools.programs import missing

needs_bowtie2 = pytest.mark.skipif(missing("bowtie2") is not None, reason="bowtie2 is not installed")


class Run(Programs):
    """Programs that remember what went to the log and which progress was told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self.told: list[float] = []
        self.news = threading.Event()
        super().__init__(folder, self.lines.append, self._hear)

    def _hear(self, fraction: float) -> None:
        self.told.append(fraction)
        self.news.set()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    (folder / "a.fa").write_text(">a\n" + "ACGTTGCATTCCAGGATTACA" * 40 + "\n")
    subprocess.run(
        ["bowtie2-build", "-q", folder / "a.fa", folder / "a"], check=True, stderr=subprocess.DEVNULL
    )
    return folder / "a"


def test_a_stream_is_bytes_and_the_log_has_the_rest(run: Run) -> None:
    code = r"import os; os.write(2, b'careful\n'); os.write(1, b'a\0\xff\r\n')"
    with run.stream(python(code), []) as output:
        assert output.read() == b"a\0\xff\r\n"
    assert run.lines[0].startswith(f"$ {sys.executable} -c import os")
    assert run.lines[1] == "careful"
    assert run.lines[2].split(" after ")[0].endswith("ended with 0")
    assert run.lines[2].endswith(" s")


@needs_bowtie2
def test_the_version_of_a_program_is_logged_once(run: Run, index: Path) -> None:
    for _ in range(2):
        with run.stream(["bowtie2", "-x", index, "-c", "ACGTTGCATTCCAGGATTACA", "--no-hd"], []) as output:
            assert output.read().split(b"\t")[2] == b"a"
    assert [line for line in run.lines if line.startswith("# bowtie2 2.")] == run.lines[1:2]


def test_a_stream_that_failed_says_why_at_its_end(run: Run) -> None:
    code = "import sys; print('data'); sys.exit('no such index')"
    with pytest.raises(ToolFailure, match=r"ended with exit code 1\. Its last lines: no such index$"):
        with run.stream(python(code), []) as output:
            assert output.read() == b"data\n"
    assert run.lines[-2] == "no such index"


def test_what_is_left_unread_is_waited_for(run: Run) -> None:
    with run.stream(python("print('x' * 3_000_000); open('done', 'w')"), []) as output:
        assert output.read(1) == b"x"
    assert (run.folder / "done").exists()


def test_a_signal_from_elsewhere_is_a_failure(run: Run) -> None:
    with pytest.raises(ToolFailure, match=r"was ended by signal 15 \(Terminated\) and said nothing"):
        with run.stream(python("import os; os.kill(os.getpid(), 15)"), []) as output:
            output.read()


def test_a_reader_that_stumbles_over_a_failure_hears_of_the_failure(run: Run) -> None:
    with pytest.raises(ToolFailure, match="Its last lines: out of luck") as caught:
        with run.stream(
            python("import sys; print('12'); print('1', end=''); sys.exit('out of luck')"), []
        ) as output:
            for line in output:
                assert line.endswith(b"\n")
    assert isinstance(caught.value.__cause__, AssertionError)


def test_a_sentence_of_the_tool_is_kept(run: Run) -> None:
    with pytest.raises(InputFailure, match="Not like this"):
        with run.stream(python("import sys; sys.exit(3)"), []):
            raise InputFailure("Not like this.")


def words_of(pid: int) -> list[str]:
    """The command line; empty when it ended meanwhile."""
    try:
        return psutil.Process(pid).cmdline()
    except psutil.NoSuchProcess:
        return []


@needs_bowtie2
@pytest.mark.parametrize("error", [ValueError("stop"), KeyboardInterrupt()])
def test_a_block_left_by_an_exception_ends_the_whole_tree(
    run: Run, index: Path, error: BaseException
) -> None:
    """A Perl script with the aligner below it, which waits for reads that never come."""
    os.mkfifo(run.folder / "reads.fq")

    def both() -> list[int]:
        """Once the script has asked the aligner for its options, and started it with the reads."""
        below = processes.descendants(os.getpid())
        aligners = [each for each in below if each.name.startswith("bowtie2-align")]
        reading = any("reads.fq" in words_of(each.pid) for each in aligners)
        return [each.pid for each in below] if reading else []

    with pytest.raises(type(error)):
        with run.stream(["bowtie2", "-x", index, "-U", "reads.fq"], []):
            tree = until(both, "the aligner runs")
            raise error
    assert len(tree) >= 2
    assert gone(tree, timeout_s=0)
    assert run.lines[-1].startswith("# bowtie2 ended with -9 after")


def test_a_line_that_the_tool_cannot_take_ends_the_program(run: Run) -> None:
    def refuse(line: str) -> None:
        raise InputFailure(f"{line} is wrong.")

    with pytest.raises(InputFailure, match="pid is wrong"):
        code = "import time; print('pid', flush=True); time.sleep(600)"
        run.command(python(code), refuse, [], False)
    assert not [each for each in processes.descendants(os.getpid()) if not each.zombie]


def test_a_quiet_program_speaks_to_its_listener_only(run: Run) -> None:
    heard: list[str] = []
    run.command(python("print('\\x1b[0;33m1 %\\x1b[0m\\r2 %')"), heard.append, [], True)
    assert heard == ["1 %", "2 %"]
    assert len(run.lines) == 2


@needs_bowtie2
@pytest.mark.parametrize(
    "words",
    [
        ["bowtie2-build", "-q", "a.fa", "b"],
        ["bowtie2", "-x", "a", "-U", "reads.fq", "-S", "big.sam"],
        ["bowtie2", "-x", "a", "-U", "reads.fq", "--al", "big.fq", "-S", "/dev/null"],
    ],
)
def test_a_wrapper_whose_program_wrote_too_much(run: Run, index: Path, words: list[str]) -> None:
    for file in index.parent.iterdir():
        (run.folder / file.name).symlink_to(file)
    (run.folder / "reads.fq").write_text("@r\nACGTTGCATTCCAGGATTACA\n+\nIIIIIIIIIIIIIIIIIIIII\n" * 4000)
    with pytest.raises(LimitFailure, match="wrote a file that is larger"):
        run.command(["prlimit", "--fsize=4096", *words], None, [], False)


def test_a_full_disk_is_a_limit(run: Run) -> None:
    with pytest.raises(LimitFailure, match="disk of the worker is full"):
        run.command(["cp", sys.executable, "/dev/full"], None, [], False)


READER = """
import sys
for name, size in zip(sys.argv[1::2], sys.argv[2::2]):
    file = open(name, "rb", buffering=0)
    file.read(int(size))
print("there", flush=True)
open("wait").read()
"""


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Of 100, 300 and 600 bytes, and a pipe by which a reader is let go."""
    os.mkfifo(tmp_path / "wait")
    sizes = {"a": 100, "b": 300, "c": 600}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(b"x" * size)
    return [tmp_path / name for name in sizes]


@pytest.mark.parametrize(
    ("reads", "share"),
    [
        ([], None),
        (["a", "50"], 0.05),
        (["b", "0"], 0.1),
        (["a", "100", "c", "300"], 0.7),
    ],
)
def test_a_place_in_several_files(run: Run, files: list[Path], reads: list[str], share: float | None) -> None:
    reading = Reading(files)
    with run.stream([*python(READER), *reads], []) as output:
        assert output.readline() == b"there\n"
        assert reading.look(os.getpid()) == (pytest.approx(share) if share is not None else None)
        (run.folder / "wait").write_text("go")


def test_a_file_that_was_read_and_closed_counts(run: Run, files: list[Path]) -> None:
    reading = Reading(files)
    with run.stream([*python(READER), "b", "10"], []) as output:
        output.readline()
        assert reading.look(os.getpid()) == pytest.approx(0.11)
        (run.folder / "wait").write_text("go")
    assert reading.look(os.getpid()) == pytest.approx(0.4)


def test_an_empty_file_is_no_division_by_zero(run: Run, files: list[Path]) -> None:
    files[0].write_bytes(b"")
    with run.stream([*python(READER), "a", "1"], []) as output:
        output.readline()
        assert Reading(files[:1]).look(os.getpid()) == 0
        (run.folder / "wait").write_text("go")


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(programs, "LOOK_EVERY", 0.01)
    yield


def test_the_second_of_two_programs_in_a_step(run: Run, files: list[Path], often: None) -> None:
    with run.stream([*python(READER), "a", "50"], files[:1], (2, 2)) as output:
        output.readline()
        run.told.clear()
        run.news.clear()
        assert run.news.wait(10)
        assert run.told[0] == pytest.approx(0.75)
        (run.folder / "wait").write_text("go")


def test_a_packed_file_that_a_descendant_unpacks(run: Run, files: list[Path], often: None) -> None:
    """As the Perl script of bowtie2 did with `gzip -dc`: the position is one in the packed file."""
    packed = run.folder / "random.gz"
    packed.write_bytes(gzip.compress(os.urandom(1 << 20)))
    code = (
        "import subprocess, sys\n"
        f"p = subprocess.Popen(['gzip', '-dc', {str(packed)!r}], stdout=subprocess.PIPE)\n"
        "p.stdout.read(500_000); print('there', flush=True); open('wait').read(); p.stdout.read()"
    )
    with run.stream(python(code), [packed]) as output:
        output.readline()
        run.news.clear()
        assert run.news.wait(10)
        (run.folder / "wait").write_text("go")
    assert 0.3 < run.told[-1] <= 1


@needs_bowtie2
def test_bowtie2_is_followed_through_its_reads(run: Run, index: Path, often: None) -> None:
    reads = [run.folder / "1.fq.gz", run.folder / "2.fq.gz"]
    letters = random.Random(1)
    for path in reads:
        read = "".join(letters.choices("ACGT", k=300))
        records = (f"@{letters.random()}\n{read}\n+\n{'I' * 300}\n" for _ in range(30_000))
        path.write_bytes(gzip.compress("".join(records).encode(), 1))
    words = ["bowtie2", "--no-hd", "-x", index, "-U", f"{reads[0]},{reads[1]}"]
    with run.stream(words, reads) as output:
        assert sum(1 for _ in output) == 60_000
    assert run.told == sorted(run.told)
    assert any(0 < fraction < 0.5 for fraction in run.told)
    assert any(0.5 < fraction < 1 for fraction in run.told)


def test_nobody_is_left_when_a_program_was_ended(run: Run) -> None:
    program = subprocess.Popen(["sh", "-c", "sleep 600 & sleep 601 & wait"], start_new_session=True)
    below = until(lambda: [each.pid for each in processes.descendants(program.pid)][1:], "it started both")
    programs.end(program)
    assert program.returncode == -signal.SIGKILL
    assert gone(below, timeout_s=0)
    programs.end(program)
