"""Rewrite a source archive so that equal contents are equal bytes: ``normalise_sdist.py FILE.tar.gz SECONDS``.

setuptools stores the times, permissions and owners of the files on this machine, whatever SOURCE_DATE_EPOCH says. Here
every member gets that time, root as its owner, permissions 644 or 755, and its place in the alphabet.
"""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
from pathlib import Path


def normalised(data: bytes, seconds: int) -> bytes:
    """The archive anew."""
    tar = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(data)) as old,
        tarfile.open(fileobj=tar, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            if not (member.isfile() or member.isdir()):
                raise SystemExit(f"{member.name} is neither a file nor a folder; only these belong into a release.")
            fresh = tarfile.TarInfo(member.name)
            fresh.type, fresh.size, fresh.mtime = member.type, member.size, seconds
            fresh.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            fresh.uname = fresh.gname = "root"
            new.addfile(fresh, old.extractfile(member) if member.isfile() else None)
    return gzip.compress(tar.getvalue(), 9, mtime=seconds)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_bytes(normalised(path.read_bytes(), int(sys.argv[2])))
