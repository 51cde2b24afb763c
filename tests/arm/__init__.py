"""The boards: every variant of the committed models, the commands and the runtime's own tests on emulated Arm."""
