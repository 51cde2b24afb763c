"""`python -m bench [COMMAND]`: the benchmarks of this project."""

import sys
from collections.abc import Sequence
from importlib import import_module

from runtime.command import Command, columns, run_command
from runtime.errors import UsageError

COMMANDS = {
    "speed": Command(
        "bench.speed", "run and predict beside bare engine calls, interleaved; what is done without a command"
    ),
    "tensors": Command(
        "bench.tensors", "run beside bare engine calls, for models of several inputs and outputs"
    ),
    "start": Command("bench.start", "cold start and peak memory beside a bare script"),
    "cost": Command(
        "bench.cost", "export time, peak memory and bundle size against the parameters of the model"
    ),
    "matrix": Command("bench.matrix", "which file runs on which engine: predicted, and what happens"),
    "arm": Command("bench.arm", "executed Arm instructions per inference, on emulated boards"),
    "visit": Command(
        "bench.visit", "how long a visit over ssh takes for an emulated board with nothing on it"
    ),
    "exact": Command(
        "bench.exact", "what exact int8 kernels of ONNX Runtime cost, and how far off its default ones are"
    ),
    "readers": Command(
        "bench.readers",
        "what the runtime's own readers cost and refuse, beside the standard library and the engines",
    ),
    "layers": Command("bench.layers.command", "every layer of Keras in each format on each engine"),
    "foreign": Command("bench.foreign.command", "models made elsewhere, exported as a user would"),
    "means": Command(
        "bench.means.command", "what each means to meet the budget gains, on models that are hard to quantize"
    ),
    "pictures": Command("bench.pictures", "the pictures of the documentation, of what an export measured"),
    "limits": Command(
        "bench.limits",
        "what the engines installed here can run: the rows of runtime/requirements/engine_limits.py",
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; its module is imported only then."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in ("-h", "--help"):
        print("usage: python -m bench [COMMAND] …\n")
        print(columns("commands (each has --help):", {name: row.text for name, row in COMMANDS.items()}))
        return 0
    if not arguments or arguments[0].startswith("-"):
        arguments = ["speed", *arguments]
    if arguments[0] not in COMMANDS:
        raise UsageError(f"unknown command {arguments[0]!r}; known: {', '.join(COMMANDS)}")
    command = import_module(COMMANDS[arguments[0]].module)
    code: int = command.run(command.parser().parse_args(arguments[1:]))
    return code


if __name__ == "__main__":
    sys.exit(run_command(main))
