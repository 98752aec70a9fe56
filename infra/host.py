"""What this machine must give before anything is started: a writable directory with room, free ports, programs.

Each check raises `CommandFailed` with the one line a user needs.
"""

import errno
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Final

from infra.errors import CommandFailed

# A broker that runs out of disk stops uncleanly: better not to start it.
FREE_MB_MIN: Final = 256


def check_directory(path: Path) -> None:
    """`path` exists (it is made), can be written and has room."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path) as probe:
            probe.write(b"x" * 4_096)
    except OSError as error:
        raise CommandFailed(f"the data directory {path} cannot be written: {error.strerror}") from None
    free_mb = shutil.disk_usage(path).free // 2**20
    if free_mb < FREE_MB_MIN:
        raise CommandFailed(
            f"the data directory {path} has {free_mb} MB left; at least {FREE_MB_MIN} MB are needed"
        )


def check_port(host: str, port: int, setting: str) -> None:
    """Nothing listens on `host:port`; `setting` is the variable to change where something does."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the servers do it: the remains of a closed connection do not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
            raise CommandFailed(
                f"port {port} on {host} {reason}; choose another one with {setting}"
            ) from None


def find_program(name: str, purpose: str) -> str:
    """The path of program `name`."""
    path = shutil.which(name)
    if path is None:
        raise CommandFailed(f"{name} is not installed; {purpose}")
    return path
