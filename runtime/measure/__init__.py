"""What is measured on a device: latency, metrics, the machine itself."""
