"""A longer attack than the suite allows: `python -m tests.registry.formats.fuzz --minutes 10`.

Mutates bytes and structures at random, and asks of each file what the suite asks. A file that
breaks the reader is kept in the folder given by --keep, named after its kind and number.
"""

import argparse
import random
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

from registry.formats.errors import Refusal
from tests.registry.formats.acceptance.mutations import STRUCTURED, Edit
from tests.registry.formats.acceptance.oracle import assert_read_as_others_read_it
from tests.registry.formats.acceptance.test_mutations import FILES, PLACES


def bytes_changed(chance: random.Random) -> tuple[str, bytes]:
    name = chance.choice(list(FILES))
    file = bytearray(FILES[name])
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        anywhere = chance.random() < 0.3
        at = chance.randrange(len(file)) if anywhere else chance.choice(PLACES[name])
        file[at] ^= chance.randrange(1, 256)
    return name, bytes(file)


def structure_changed(chance: random.Random) -> tuple[str, bytes]:
    name = chance.choice(list(STRUCTURED))
    edits = [
        Edit(*(chance.randrange(1 << 24) for _ in range(3)))
        for _ in range(chance.choice((1, 1, 2, 3, 5)))
    ]
    return name, STRUCTURED[name](edits)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"))
    options = parser.parse_args()
    chance = random.Random(options.seed)  # noqa: S311  # not a secret: a seed to repeat it with
    end = time.monotonic() + options.minutes * 60
    said: Counter[str] = Counter()
    found = 0
    while time.monotonic() < end:
        name, file = chance.choice((bytes_changed, structure_changed))(chance)
        try:
            verdict = assert_read_as_others_read_it(file)
        except Exception:
            found += 1
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / f"{name}-{found}").write_bytes(file)
            sys.stderr.write(f"{name}-{found}\n{traceback.format_exc()}\n")
        else:
            said[verdict.rule if isinstance(verdict, Refusal) else "accepted"] += 1
    for rule, count in said.most_common():
        sys.stdout.write(f"{count:>9,}  {rule}\n")
    sys.stdout.write(
        f"{sum(said.values()) + found:>9,}  files, {found} findings, seed {options.seed}\n"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
