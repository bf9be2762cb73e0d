"""Every program that these tests compile is verified after each pass; what they export is exported quickly."""
import os

import quick_export  # noqa: F401

os.environ.setdefault("PORTFIRE_VERIFY", "1")
