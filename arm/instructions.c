/* A QEMU plugin that counts the instructions a guest executes.
 *
 * It writes one line, the count so far, at each system call personality(0x41524d21): a call that programs do not
 * make, which changes nothing when QEMU passes it on (the kernel refuses the number's unknown bits by ignoring them).
 * The declarations are those of the plugin interface, version 1 (QEMU 4.2 to 8.2), so no header is needed.
 */
