"""Raspberry Pi boards under emulation: QEMU, a Debian userland for Arm and the engines' own Arm wheels."""
