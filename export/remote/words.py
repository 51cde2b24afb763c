"""What ssh and the programs on a device print when they fail, in one line that says what to do."""

from __future__ import annotations

_KILLED = (-9, 137)
# What is in ssh's words, or those of the shell there, and what it means.
_MEANINGS = {
    "REMOTE HOST IDENTIFICATION HAS CHANGED": "its host key is not the one that is known for it; if you know why, "
    "forget the old one with ssh-keygen -R, and connect once by hand",
    "Host key verification failed": "its host key is not known here; connect once by hand with ssh, and compare it",
    "Permission denied (": "it does not let you in; give it your public key with ssh-copy-id, or name another user",
    "Could not resolve hostname": "there is no host of that name",
    "Connection refused": "nothing answers to ssh there",
    "timed out": "it does not answer",
    "No route to host": "it cannot be reached",
    "Network is unreachable": "it cannot be reached",
    "python3": "it has no python3; install it there with: sudo apt install python3 python3-venv",
    "No space left on device": "its disk is full",
}


def of_ssh(text: str, code: int) -> str:
    """What ssh, or the shell there, said before it ended."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for words, meaning in _MEANINGS.items():
        said = next((line for line in lines if words in line), None)
        if said is not None and (words != "python3" or "not found" in said):
            return f"{meaning} ({said.strip('@ ')})"
    return f"the connection broke (ssh ended with {code}{f': {lines[-1]}' if lines else ''})"


def of_program(code: int, text: str) -> str:
    """What was wrong, in one line, from what a program printed before it failed."""
    if code in _KILLED or "MemoryError" in text:
        return "it was killed; the device may have too little memory"
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return "its disk is full"
    if "NewConnectionError" in text or "NameResolutionError" in text or "ConnectTimeoutError" in text:
        return "its package index does not answer; bring wheels along with --offline WHEELS"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or [f"exit code {code}"])[-1][:500]
