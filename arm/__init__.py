"""Raspberry Pi boards under emulation: QEMU, a Debian 12 userland for Arm and the engines' own Arm wheels."""
