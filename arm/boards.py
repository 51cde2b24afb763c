"""The boards: which core QEMU is to be, and what the guest reads about the machine it is on."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from arm.errors import ArmError

_PI3 = "Raspberry Pi 3 Model B Plus Rev 1.3"
_PI4 = "Raspberry Pi 4 Model B Rev 1.5"
_PI5 = "Raspberry Pi 5 Model B Rev 1.0"
_ARMV8_A = "fp asimd evtstrm crc32 cpuid"
_ARMV8_2_A = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
)
_ARMV7 = "half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae evtstrm crc32"


class Board(NamedTuple):
    """A board: `core` is QEMU's name; variant, part and revision are the core's identification register, in hex."""

    title: str
    release: str  # of arm/debian.py
    architecture: str  # Debian's word: arm64 or armhf
    engines: str  # what it has unless told otherwise, of arm/wheels.py
    core: str
    variant: str
    part: str
    revision: int
    features: str


# The core is always named. QEMU's default, `max`, has SVE and SME, which no Raspberry Pi has, and with them
# ai-edge-litert 2.3.0 answers int8 models wrongly, without an error.
BOARDS: Mapping[str, Board] = {
    "pi3": Board(_PI3, "bookworm", "arm64", "current", "cortex-a53", "0", "d03", 4, _ARMV8_A),
    "pi4": Board(_PI4, "bookworm", "arm64", "current", "cortex-a72", "0", "d08", 3, _ARMV8_A),
    "pi5": Board(_PI5, "bookworm", "arm64", "current", "cortex-a76", "4", "d0b", 1, _ARMV8_2_A),
    # QEMU's 32-bit build knows no 64-bit core: this is the newest ARMv7 one, which has what armhf programs may use.
    "pi4-32": Board(_PI4, "bookworm", "armhf", "tflite-32", "cortex-a15", "0", "d08", 3, _ARMV7),
    "pi5-trixie": Board(_PI5, "trixie", "arm64", "current-3.13", "cortex-a76", "4", "d0b", 1, _ARMV8_2_A),
}
# What the guest sees of the userland. All else is the host's: behind an empty /tmp or /home of the userland's it would
# look for the host's files in vain wherever a program follows links, as pip does.
OF_THE_SYSTEM = ("bin", "etc", "lib", "lib64", "sbin", "usr")


def board(name: str) -> Board:
    """The board of that name; ArmError for another."""
    if name not in BOARDS:
        raise ArmError(f"unknown board {name!r}; known: {', '.join(BOARDS)}")
    return BOARDS[name]


def write_machine(row: Board, userland: Path, folder: Path) -> None:
    """Makes `folder`, which QEMU reads in place of the host's `/`: the userland, and the board's own /proc and /sys.

    ONNX Runtime and LiteRT read /proc/cpuinfo to choose their kernels; they crash where it is that of an x86 host.
    It names one processor, so that no engine starts threads of its own and every run is the same.
    """
    for name in OF_THE_SYSTEM:
        if (userland / name).exists():
            (folder / name).symlink_to(userland / name)
    cpuinfo = {
        "processor": "0",
        "BogoMIPS": "108.00",
        "Features": row.features,
        "CPU implementer": "0x41",
        "CPU architecture": "8",
        "CPU variant": f"0x{row.variant}",
        "CPU part": f"0x{row.part}",
        "CPU revision": str(row.revision),
    }
    lines = [f"{key}\t: {value}\n" for key, value in cpuinfo.items()]
    proc, cpus = folder / "proc", folder / "sys" / "devices" / "system" / "cpu"
    (proc / "device-tree").mkdir(parents=True)
    cpus.mkdir(parents=True)
    (proc / "cpuinfo").write_text("".join([*lines, f"\nModel\t\t: {row.title}\n"]))
    (proc / "device-tree" / "model").write_text(f"{row.title}\0")
    for name in ("possible", "present", "online"):
        (cpus / name).write_text("0\n")
