"""Run one command that ends when its parent ends, on Linux even if the parent is SIGKILLed.

    python -IS leash.py PARENT_PID SIGNAL UID GID COMMAND...

It is run by its path, as a script, and turns itself into COMMAND. It must never import anything
but the standard library: as root it may be about to become a user who cannot read the project.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
LOST_PARENT = 111


def die_with_parent(signal_number: int) -> None:
    """Ask Linux to send this process ``signal_number`` when its parent ends; elsewhere do nothing.

    A change of user clears the request, so it is made after it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def main(arguments: list[str]) -> None:
    """Become COMMAND, as UID and GID where we are root and they are not."""
    parent, signal_number, user, group = (int(argument) for argument in arguments[:4])
    command = arguments[4:]
    if os.geteuid() == 0 and user != 0:
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    die_with_parent(signal_number)
    if os.getppid() != parent:
        # The parent ended before we could ask to be told of it.
        os._exit(LOST_PARENT)
    os.execv(command[0], command)  # noqa: S606  # The command was composed by our own launcher.


if __name__ == "__main__":
    main(sys.argv[1:])
