"""Where others can open this copy of the project: python -m tools.links binder, or colab.

The address is that of the checkout's own git remote, on GitHub.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

FIRST = "notebooks/01_lstm_shapes.ipynb"
# https://github.com/o/r.git, ssh://git@github.com/o/r, git@github.com:o/r.git; a name before an @
# may be a password, so it is never printed.
ON_GITHUB = re.compile(
    r"(?:\w+://)?(?:[^@/]*@)?github\.com(?::\d+)?[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?"
)


class NoAddress(Exception):
    """Why there is no link."""


def repository(address: str) -> str:
    """`OWNER/NAME` of a remote's address on GitHub.

    Raises:
        NoAddress: if the address is not one of a repository on GitHub.
    """
    found = ON_GITHUB.fullmatch(address.strip())
    if not found:
        raise NoAddress(
            "Binder and Colab read from GitHub, and the remote of this copy is elsewhere. "
            "Push it to GitHub, and make that its remote: git remote set-url origin ADDRESS"
        )
    return found[1]


def link(service: str, repository: str, branch: str) -> str:
    """The address that opens the first notebook."""
    if service == "binder":
        return (
            f"https://mybinder.org/v2/gh/{repository}/{quote(branch, '')}?urlpath=lab/tree/{FIRST}"
        )
    return f"https://colab.research.google.com/github/{repository}/blob/{branch}/{FIRST}"


def _git(*arguments: str) -> str:
    """What git prints, and nothing where it fails or is missing."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def own(service: str) -> str:
    """The link to the checkout in the current folder.

    Raises:
        NoAddress: if it has no remote, or none on GitHub.
    """
    names = _git("remote").split()
    if not names:
        raise NoAddress(
            f"{Path.cwd().name} has no git remote, so nobody else can find it. Push it to GitHub "
            "first: git remote add origin https://github.com/OWNER/lstm_teach"
        )
    remote = "origin" if "origin" in names else names[0]
    default = _git("symbolic-ref", "--short", f"refs/remotes/{remote}/HEAD")
    branch = default.removeprefix(f"{remote}/") or _git("branch", "--show-current") or "main"
    return link(service, repository(_git("remote", "get-url", remote)), branch)


def main(service: str) -> int:
    """Print the link, or say why there is none and return 1."""
    try:
        print(own(service))
    except NoAddress as why:
        print(why, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
