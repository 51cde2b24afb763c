"""Makes the virtual environment that `make` installs into, or says in one line why this Python cannot have one.

Usage: python constraints/make_venv.py FOLDER. It runs on older Pythons too, in order to refuse them.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import List, Optional  # noqa: UP035

VERSION = ".".join(map(str, sys.version_info[:2]))


def supported() -> List[str]:  # noqa: UP006
    """The Pythons that have a file of pins beside this one, as in "3.10", oldest first."""
    pins = Path(__file__).parent.glob("py3*.txt")
    return [f"3.{minor}" for minor in sorted(int(file.stem[len("py3") :]) for file in pins)]


def problem() -> Optional[str]:  # noqa: UP045
    """Why this Python cannot be used; None where it can."""
    if VERSION not in supported():
        return (
            f"{sys.executable} is Python {VERSION}; TensorFlow and the engines are pinned for Python "
            f"{', '.join(supported())}; name one of these, for example: make export PYTHON=python{supported()[-1]}"
        )
    if find_spec("venv") is None or find_spec("ensurepip") is None:
        return (
            f"{sys.executable} cannot make a virtual environment, its module ensurepip is missing; "
            f"on Debian and Ubuntu: apt install python{VERSION}-venv"
        )
    return None


def usable(folder: Path) -> bool:
    """Whether the folder is an environment of this Python's version, with a pip that runs."""
    python = folder / "bin" / "python"
    if not python.exists():
        return False
    program = "import sys, pip; print('.'.join(map(str, sys.version_info[:2])))"
    done = subprocess.run(
        [str(python), "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    )
    return done.returncode == 0 and done.stdout.decode().strip() == VERSION


def main() -> Optional[str]:  # noqa: UP045
    """Keeps a usable environment; makes any other anew."""
    folder = Path(sys.argv[1])
    found = problem()
    if found:
        return f"error: {found}"
    if usable(folder):
        return None
    if folder.exists():
        print(f"{folder} is unfinished or belongs to another Python; it is made anew", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    return None


if __name__ == "__main__":
    sys.exit(main())
