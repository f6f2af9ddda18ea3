"""Prints the files that llama.cpp's server needs beside its script: the modules of Python that it loads and the
libraries that are mapped then. The first line is the folders of libraries, the second the settings for Python.
"""

import argparse  # noqa: F401 (this and what follows is loaded because the server loads it)
import encodings.idna  # noqa: F401
import glob
import os
import signal  # noqa: F401
import sys
import threading  # noqa: F401
import urllib.request  # noqa: F401
from pathlib import Path

import xllamacpp

modules = {path for module in list(sys.modules.values()) if (path := getattr(module, "__file__", None))}
modules = {os.path.abspath(path) for path in modules if os.path.exists(path)}
resolved = {os.path.realpath(path) for path in modules}
mapped = {line.split(None, 5)[5].strip() for line in open("/proc/self/maps") if line.count("/")}
libraries = {path for path in mapped if os.path.isfile(path) and os.path.realpath(path) not in resolved}
# Programs ask for a library by a name that links to it.
stems = {path: path.split(".so")[0] for path in libraries if ".so" in path}
links = {link for path, stem in stems.items() for link in glob.glob(f"{stem}.so*") if os.path.realpath(link) == path}
program = os.path.realpath(sys.executable)
loaders = glob.glob("/lib64/ld-linux*") + glob.glob("/lib/ld-linux*")

print(":".join(sorted({os.path.dirname(path) for path in libraries if ".so" in path})))
print(sys.base_prefix, Path(xllamacpp.__file__).parent.parent, program, sep=":")
for path in sorted(modules | libraries | links | {program, *loaders}):
    print(path)
