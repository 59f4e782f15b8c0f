"""Programs that the suite waits for, from several threads, and all of which it can end at once."""

import os
import signal
import subprocess

RUNNING = set()


def finish(command, folder, environment, seconds_max):
    """Runs a program to its end, or for as long as it may take, and gives its status and what it printed."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    RUNNING.add(process)
    try:
        output, errors = process.communicate(timeout=seconds_max)
    finally:
        end(process)
        RUNNING.discard(process)
    return process.returncode, output, errors


def end(process):
    """Ends a program with whatever it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def end_all():
    for process in list(RUNNING):
        end(process)
