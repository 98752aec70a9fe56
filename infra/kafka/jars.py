"""The broker's jars, copied once by Maven and shared by every data directory of this installation."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from infra.errors import CommandFailed
from infra.host import find_program

HERE: Final = Path(__file__).parent
# Grows with the pom: another version is another directory.
DIRECTORY_NAME: Final = "kafka-4.3.1"
MAVEN_TIMEOUT_S: Final = 600


def jars_dir() -> Path:
    """Where the jars lie: in the Python environment, so that they leave with it."""
    return Path(sys.prefix) / "share" / "meterstream" / DIRECTORY_NAME


def fetch_jars() -> Path:
    """The directory of the broker's jars, filled first where it is not there.

    Raises `CommandFailed` where Maven is missing or cannot fetch them.
    """
    target = jars_dir()
    if target.is_dir():
        return target
    maven = find_program(
        "mvn", "install Maven (Debian: apt-get install maven), the broker's jars are fetched with it"
    )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=target.parent))
    except OSError as error:
        raise CommandFailed(
            f"the broker's jars cannot be written to {target.parent}: {error.strerror}"
        ) from None
    try:
        _copy_dependencies(maven, staging)
        # Renamed when complete: a directory that exists holds everything.
        staging.rename(target)
    except FileExistsError:
        pass  # Another process was faster.
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target


def _copy_dependencies(maven: str, into: Path) -> None:
    command = [
        maven,
        "--batch-mode",
        "--quiet",
        "--file",
        str(HERE / "pom.xml"),
        "dependency:copy-dependencies",
    ]
    try:
        done = subprocess.run(
            [*command, f"-DoutputDirectory={into}", "-DincludeScope=runtime"],
            capture_output=True,
            text=True,
            timeout=MAVEN_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CommandFailed(f"Maven did not fetch the broker's jars within {MAVEN_TIMEOUT_S} s") from None
    if done.returncode or not any(into.glob("kafka_*.jar")):
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise CommandFailed(f"Maven could not fetch the broker's jars: {lines[0] if lines else 'no output'}")


def main() -> int:
    """`make jars`."""
    try:
        print(fetch_jars())
    except CommandFailed as error:
        print(f"meterstream: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
