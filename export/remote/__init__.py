"""From the desk to a device and back: installs, verifies and measures a bundle over the user's own ssh.

What lies on the device:

    edgeproof/
      .edgeproof                says that the folder is ours
      current                   a link to the environment in use
      environments/<key>/       virtual environments of the runtime; `complete` is written last
      engines/<key>/            those that they stand on, of numpy and engines; likewise
      bundles/<model>/          installed bundles
      files/<sha256>/<name>     what was sent and is not in its place yet
      temporary/                of pip, whose own place may be small and in memory
      lock                      one run at a time
"""
