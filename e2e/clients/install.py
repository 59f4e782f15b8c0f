"""Puts a client's packages into a folder of its own under `target/e2e-clients/`, once for each state of its lock file.

The client's files are mirrored there at every run, and built where its language builds; which tool installs follows from the
manifest that the folder has.
"""

import collections
import hashlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import children

REPOSITORY = Path(os.environ["FANAL_REPO"])
INSTALLED = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "e2e-clients"
INSTALL_SECONDS_MAX = 600


class CannotInstall(Exception):
    """A package that is not to be had, with what its tool said."""


def run(command, folder, **environment):
    program = shutil.which(command[0])
    if program is None:
        raise CannotInstall(f"`{command[0]}` is not installed; install it and run again")
    environment = {**os.environ, **environment}
    try:
        status, output, errors = children.finish([program, *command[1:]], folder, environment, INSTALL_SECONDS_MAX)
    except subprocess.TimeoutExpired as late:
        raise CannotInstall(f"`{' '.join(command)}` took longer than {INSTALL_SECONDS_MAX} s") from late
    if status != 0:
        raise CannotInstall(f"`{' '.join(command)}` failed:\n{(output + errors)[-3000:]}")


def python(place):
    run([sys.executable, "-m", "venv", "--clear", "--without-pip", "venv"], place)
    pip = [sys.executable, "-m", "pip", "--python", "venv/bin/python", "install", "--quiet"]
    run([*pip, "--disable-pip-version-check", "--no-compile", "--requirement", "requirements.txt"], place)


def node(place):
    run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], place)


def go(place):
    # Debian's Go would fetch a newer toolchain of its own accord, from where this may not be allowed.
    package = (place / "package.txt").read_text().strip() if (place / "package.txt").exists() else "."
    run(["go", "build", "-mod=readonly", "-o", "client", package], place, GOTOOLCHAIN="local", GOFLAGS="")


def java(place):
    jars = ["dependency:copy-dependencies", "-DoutputDirectory=jars"]
    run(["mvn", "--batch-mode", "--quiet", *jars], place)
    sources = sorted(path.name for path in place.glob("*.java"))
    run(["javac", "-classpath", "jars/*", "-d", "classes", *sources], place)


def rust(place):
    run(["cargo", "build", "--locked", "--quiet"], place, CARGO_TARGET_DIR=str(place / "target"))


def debian(place):
    """Debian's packages, unpacked beside the client instead of installed: no other program sees them."""
    packages = (place / "packages.txt").read_text().split()
    shutil.rmtree(place / "root", ignore_errors=True)
    try:
        run(["apt-get", "download", *packages], place)
    except CannotInstall:
        run(["apt-get", "--quiet", "update"], place)
        run(["apt-get", "download", *packages], place)
    for archive in sorted(place.glob("*.deb")):
        run(["dpkg", "--extract", archive.name, "root"], place)
        archive.unlink()


# Manifest, what it is installed with, and the files that the result depends on.
TOOLS = {
    "requirements.txt": (python, ["requirements.txt"]),
    "package.json": (node, ["package.json", "package-lock.json"]),
    "go.mod": (go, ["*"]),
    "pom.xml": (java, ["*"]),
    "Cargo.toml": (rust, ["**/*"]),
    "packages.txt": (debian, ["packages.txt"]),
}


# One client can be needed by two at once.
LOCKS = collections.defaultdict(threading.Lock)


def install(source):
    """The folder from which the client of `source` runs, with everything that it needs."""
    place = INSTALLED / source.parent.name / source.name
    with LOCKS[place]:
        return install_into(place, source)


def install_into(place, source):
    place.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, place, dirs_exist_ok=True)
    for manifest, (tool, inputs) in TOOLS.items():
        if not (source / manifest).exists():
            continue
        wanted, stamp = fingerprint(source, inputs), place / f".installed-{manifest}"
        if stamp.exists() and stamp.read_text() == wanted:
            continue
        stamp.unlink(missing_ok=True)
        tool(place)
        stamp.write_text(wanted)
    return place


def fingerprint(folder, patterns):
    digest = hashlib.sha256(sys.version.encode())
    paths = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    for path in sorted(paths - {folder / "client.json"}):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
