"""Feed changed files to the suite's readers: each ends in a result or an InputError.

``python tests/reliability/fuzz.py --inputs 100000 --reader coco`` changes valid files by
``mutations.py`` and reads them as ``readers.py`` says. Atheris, Google's fuzzer for Python, chooses
what to change further: what reached lines of ``bsam_suite`` and ``tasks`` that nothing has before;
with ``--plain``, which needs no Atheris, valid files are changed at random. An input may take 60
seconds and the process 4 GiB more than at its start. It prints how many inputs there were, which
share of them the first parser took, and each finding; files of these are kept.
"""

import argparse
import faulthandler
import hashlib
import json
import mmap
import os
import random
import re
import resource
import struct
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

SECONDS, GIB = 60, 4
LONGEST = 2**16


class Counts:
    """Inputs, and those that the first parser took; shared with the process that reads them."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 24)

    def __call__(self) -> tuple[int, int, int]:
        return struct.unpack("<3Q", self._memory[:])

    def add(self, parsed: bool, read: bool) -> None:
        self._memory[:] = struct.pack(
            "<3Q", *(a + b for a, b in zip(self(), (1, parsed, read), strict=True))
        )


def where(error: BaseException) -> str:
    """The error and the lines of the suite that it came through, to tell findings apart."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f"{Path(f.filename).name}:{f.lineno}" for f in frames if "reliability" not in f.filename]
    return f"{type(error).__name__} {' '.join(own[-3:])}: {' '.join(str(error).split())[:120]}"


def trial(reader, file: Path, counts: Counts, keep: Path, refusal: type[Exception]):
    """A function that reads one content and keeps what is a finding."""

    def read(content: bytes) -> None:
        try:
            reader.parses(content)
            parsed = True
        except Exception:
            parsed = False
        file.write_bytes(content)
        done = False
        try:
            reader.read(file)
            done = True
        except refusal as refused:
            if "\n" in str(refused):
                note(content, AssertionError(f"a message of several lines: {refused}"))
        except Exception as error:
            note(content, error)
        counts.add(parsed, done)

    def note(content: bytes, error: Exception) -> None:
        said = where(error)
        kind = hashlib.sha256(re.sub(r": .*", "", said).encode()).hexdigest()[:8]
        if not (keep / f"{kind}.txt").exists():
            (keep / f"{kind}{reader.ending}").write_bytes(content)
            (keep / f"{kind}.txt").write_text(said)

    return read


def limit_memory() -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + GIB * 2**30,) * 2)


def fuzz(
    name: str, inputs: int, seed: int, plain: bool, keep: Path, folder: Path
) -> tuple[Counts, list[str]]:
    """Read ``inputs`` files in processes of their own, another one where one has died."""
    counts, deaths = Counts(), []
    while (done := counts()[0]) < inputs:
        child = os.fork()
        if child == 0:
            try:
                way = run_plain if plain else run_atheris
                way(name, inputs - done, seed + done, counts, keep, folder)
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        _, status = os.waitpid(child, 0)
        if counts()[0] < inputs:
            # The fuzzer's own log says what it was: too long, too much memory, or a crash.
            number = len(deaths)
            deaths.append(f"died with {os.waitstatus_to_exitcode(status)} at death{number}")
            for file in (*folder.glob("x.*"), folder / "log"):
                (keep / f"death{number}{file.suffix}").write_bytes(file.read_bytes()[-LONGEST:])
            if len(deaths) > 9 or counts()[0] == done:
                break
    return counts, deaths


def prepared(name: str, folder: Path, counts: Counts, keep: Path) -> tuple:
    """A reader, contents of its valid files, and a function that reads one; for this process."""
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):  # what libraries print of damaged files, and the fuzzer's progress
        os.dup2(log, number)
    warnings.simplefilter("ignore")
    from readers import READERS, InputError

    reader = READERS[name]
    seeds = reader.seeds(folder)
    limit_memory()
    return reader, seeds, trial(reader, folder / f"x{reader.ending}", counts, keep, InputError)


def run_plain(name: str, inputs: int, seed: int, counts: Counts, keep: Path, folder: Path) -> None:
    reader, seeds, read = prepared(name, folder, counts, keep)
    for number in range(inputs):
        rng = random.Random(f"{seed} {number}")
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        read(reader.mutant(rng.choice(seeds), seeds, rng))


def run_atheris(
    name: str, inputs: int, seed: int, counts: Counts, keep: Path, folder: Path
) -> None:
    """Does not return: the fuzzer ends its process."""
    import atheris

    with atheris.instrument_imports(include=["bsam_suite", "tasks"]):
        reader, seeds, read = prepared(name, folder, counts, keep)
    corpus = folder / "corpus"
    corpus.mkdir(exist_ok=True)
    for number, content in enumerate(seeds):
        (corpus / f"seed{number}").write_bytes(content)
    last = counts()[0] + inputs

    def one(content: bytes) -> None:
        read(content)
        if counts()[0] >= last:
            os._exit(0)

    def mutate(content: bytes, longest: int, number: int) -> bytes:
        rng = random.Random(number)
        mutant = reader.mutant(content, seeds, rng)
        return mutant if len(mutant) <= longest else rng.choice(seeds)

    flags = [f"-seed={seed % 2**31 + 1}", f"-max_len={LONGEST}", "-len_control=0"]
    flags += [f"-timeout={SECONDS}", "-rss_limit_mb=0", "-mutate_depth=2", "-reload=0"]
    flags += ["-print_final_stats=0", "-verbosity=1", f"-artifact_prefix={keep}/"]
    atheris.Setup(["fuzz", *flags, str(corpus)], one, custom_mutator=mutate)
    atheris.Fuzz()


def main() -> int:
    names = ("options", "coco", "results", "detections", "images", "packed", "pth", "onnx", "plans")
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=100_000, metavar="N", help="for each reader")
    parser.add_argument("--reader", nargs="+", choices=names, default=names)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plain", action="store_true", help="without Atheris")
    parser.add_argument("--keep", type=Path, default=Path("fuzz"), help="folder for findings")
    args = parser.parse_args()
    if args.plain:
        import readers  # noqa: F401  once for all processes
    failed = False
    for name in args.reader:
        keep = args.keep / name
        keep.mkdir(parents=True, exist_ok=True)
        memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
        with tempfile.TemporaryDirectory(dir=memory) as folder:
            counts, deaths = fuzz(
                name, args.inputs, args.seed, args.plain, keep.resolve(), Path(folder)
            )
        findings = [file.read_text() for file in sorted(keep.glob("*.txt"))] + deaths
        done, parsed, read = counts()
        shares = f"{parsed / max(done, 1):.0%} parsed, {read / max(done, 1):.0%} read"
        print(f"{name:<12} {done} inputs, {shares}, {len(findings)} findings", flush=True)
        for finding in findings:
            print(f"    {finding}", flush=True)
        row = dict(reader=name, inputs=done, parsed=parsed, read=read, findings=findings)
        with (args.keep / "results.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        failed |= bool(findings) or done < args.inputs
    return int(failed)


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
    sys.exit(main())
