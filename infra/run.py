"""`python -m infra.run PART`: run one part in the foreground. The supervisor, systemd and k8s start this."""

import sys

from infra.errors import CommandFailed


def run(name: str) -> int:
    """Run part `name`; 0 when it ended by itself, 1 with one line on stderr when it could not run."""
    from infra.parts import find_part, run_part
    from infra.settings import load_settings

    try:
        settings = load_settings()
        run_part(settings, find_part(settings, name))
    except CommandFailed as error:
        print(f"meterstream: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print("usage: python -m infra.run PART", file=sys.stderr)
        sys.exit(2)
    sys.exit(run(sys.argv[1]))
