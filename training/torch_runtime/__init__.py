"""What PyTorch runs on: modes, seeds, precision, compiling, memory, devices, several processes."""
