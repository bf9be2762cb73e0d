"""What a table says of the machine that it was measured on."""
import platform

with open("/proc/cpuinfo") as f:
    _lines = f.read().splitlines()
FLAGS = next((line for line in _lines if line.startswith(("flags", "Features"))), "").split()
CPU = next((line.split(":")[1].strip() for line in _lines if line.startswith("model name")), platform.machine())
ISA = "AVX-512" if "avx512f" in FLAGS else "AVX2" if "avx2" in FLAGS else platform.machine()
