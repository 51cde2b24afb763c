"""Does the self-test refuse what is sound? Every variant of every bundle on every engine of this environment.

Needs numpy and the engines alone, so that it also runs with other versions of them and on other processors.
"""

import platform
import sys
import time
from collections.abc import Sequence

from runtime.backends import engine_version
from runtime.bundle.golden import read_golden
from runtime.command import run_command
from runtime.errors import EdgeProofError, ParityError
from runtime.loading import load_from
from runtime.measure.machine import cpu_name
from runtime.selftest.check import self_test
from tests.campaigns.bundles import open_all, pairs, parser


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1 where a sound variant fails its self-test, or none could be tried."""
    options = parser("alarms", "Self-tests of sound variants: is any refused?").parse_args(argv)
    passed, alarms, not_loaded, slowest = 0, 0, 0, (0.0, "")
    engines = set()
    for bundle in open_all(options.artifacts, options.models):
        for variant, engine in pairs(bundle):
            name = f"{bundle.manifest.model} {variant.name} {engine}"
            try:
                model = load_from(bundle, variant.name, engine, 1)
            except EdgeProofError:
                not_loaded += 1  # not installed here, or refused for what the file needs: nothing to test
                continue
            engines.add(engine)
            try:
                begin = time.process_time()
                self_test(model, read_golden(bundle))
                took = time.process_time() - begin
            except ParityError as error:
                alarms += 1
                print(f"false alarm: {name}: {error}")
            else:
                passed += 1
                slowest = max(slowest, (took, name))
    versions = ", ".join(f"{engine} {engine_version(engine)}" for engine in sorted(engines))
    print(
        f"{versions}; {platform.machine()}, {cpu_name()}: {passed} self-tests passed, {alarms} false alarms, "
        f"{not_loaded} not to be loaded here; the slowest took {slowest[0] * 1000:.0f} ms of the processor "
        f"({slowest[1]})"
    )
    return 1 if alarms or not passed else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
