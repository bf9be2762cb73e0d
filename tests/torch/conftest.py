"""Every program that these tests compile is verified after each pass."""
import os

os.environ.setdefault("PORTFIRE_VERIFY", "1")
