"""The embedded PostgreSQL: it starts whatever is found in its folder, and nothing outlives it."""
# ruff: noqa: ASYNC221, ASYNC240, S603, S607

import asyncio
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import asyncpg
import psutil
import pytest

from db.cluster import Account, CannotStart, programs
from db.embedded import embedded

PROGRAM = """
import asyncio, sys
from pathlib import Path
from db.embedded import embedded

async def main():
    async with embedded(Path(sys.argv[1]), lambda line: None, durable=False) as url:
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""
NOBODY = Account(65534, 65534)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may be somebody else")


class Program(NamedTuple):
    """Another program that runs a server."""

    process: asyncio.subprocess.Process
    url: str


@asynccontextmanager
async def another_program(data: Path, bare: dict[str, str]) -> AsyncGenerator[Program]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, data),
        env=bare,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        yield Program(process, line.decode().strip())
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def silent(_: str) -> None:
    pass


def socket_folder(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0])


def children_of(process: int) -> list[int]:
    return [child.pid for child in psutil.Process(process).children()]


async def ask(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def said_by_psql(account: Account, socket: Path) -> str:
    """What the server says to a superuser who is ``account`` on this machine."""
    psql = programs(account) / "psql"
    ran = subprocess.run(
        [psql, "-h", socket, "-U", "postgres", "-Atc", "SELECT 'let in'"],
        capture_output=True,
        text=True,
        check=False,
        env={},
        cwd="/",
        **account.identity,
    )
    return ran.stdout + ran.stderr


async def test_what_was_stored_is_there_after_a_restart(folder: Path) -> None:
    async with embedded(folder / "data", silent, durable=False) as url:
        await ask(url, "CREATE TABLE kept AS SELECT 7 AS number")
    async with embedded(folder / "data", silent, durable=False) as url:
        assert await ask(url, "SELECT number FROM kept") == 7


@pytest.fixture(scope="module")
async def running(made: Path) -> AsyncGenerator[str]:
    """A server for those who only ask it."""
    data = made.with_name("running")
    subprocess.run(["cp", "-a", made, data], check=True)
    async with embedded(data, silent) as url:
        yield url


async def test_text_is_unicode_and_times_are_utc(running: str) -> None:
    assert await ask(running, "SELECT lower('ÅÑ') || current_setting('timezone')") == "åñUTC"


async def test_a_server_that_must_not_lose_anything_writes_to_the_disk(running: str) -> None:
    assert await ask(running, "SHOW fsync") == "on"


@pytest.mark.skipif(sys.platform != "linux", reason="faults are counted by Linux")
async def test_a_backend_keeps_the_memory_of_an_answer_for_the_next(running: str) -> None:
    answer = "SELECT length(string_agg(md5(n::text), ',')) FROM generate_series(1, 30000) n"
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(running)
    try:
        for _ in range(5):
            await connection.fetchval(answer)
        before = page_faults(connection.get_server_pid())
        await connection.fetchval(answer)
        assert page_faults(connection.get_server_pid()) - before < 100  # 400 KB; it takes 3 MB
    finally:
        await connection.close()


def page_faults(process: int) -> int:
    """How often the process was given a page of memory (minflt of proc_pid_stat(5))."""
    state = Path(f"/proc/{process}/stat").read_text(encoding="ascii")
    return int(state.rpartition(")")[2].split()[7])


async def test_the_server_listens_on_no_port(running: str) -> None:
    assert await ask(running, "SHOW listen_addresses") == ""


async def test_a_login_needs_its_password(running: str) -> None:
    await ask(running, "CREATE ROLE somebody LOGIN PASSWORD 'right'")
    as_somebody = running.replace("postgres@", "somebody:{}@")
    assert await ask(as_somebody.format("right"), "SELECT current_user") == "somebody"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(as_somebody.format("wrong"), "SELECT 1")


@needs_root
async def test_another_user_is_no_superuser_even_where_the_folders_are_open(data: Path) -> None:
    async with embedded(data, silent, durable=False) as url:
        socket = socket_folder(url)
        assert "Permission denied" in said_by_psql(NOBODY, socket)
        for path in (data, socket, *socket.iterdir()):
            path.chmod(0o777)
        assert "Peer authentication failed" in said_by_psql(NOBODY, socket)
        assert "let in" in said_by_psql(Account(0, 0), socket)


@needs_root
async def test_root_runs_the_server_as_a_user_that_no_account_has(data: Path) -> None:
    async with embedded(data, silent, durable=False):
        runs_as = (data / "postgres" / "postmaster.pid").stat().st_uid
    assert runs_as not in {user.pw_uid for user in pwd.getpwall()}


@needs_root
async def test_root_may_keep_data_below_a_folder_closed_to_others(folder: Path) -> None:
    folder.chmod(0o700)
    async with embedded(folder / "data", silent, durable=False) as url:
        assert await ask(url, "SELECT 1") == 1
    assert folder.stat().st_mode & 0o777 == 0o700


@needs_root
async def test_root_runs_a_users_data_as_that_user_and_leaves_it_to_them(folder: Path) -> None:
    data = folder / "data"
    data.mkdir()
    os.chown(data, *NOBODY)
    async with embedded(data, silent, durable=False):
        assert (data / "postgres" / "postmaster.pid").stat().st_uid == NOBODY.uid
    assert data.stat().st_uid == NOBODY.uid


async def test_a_path_too_long_for_a_socket_is_no_obstacle(made: Path, folder: Path) -> None:
    data = folder / ("long" * 30) / "data"
    data.parent.mkdir()
    subprocess.run(["cp", "-a", made, data], check=True)
    async with embedded(data, silent, durable=False) as url:
        assert await ask(url, "SELECT 1") == 1
    assert not socket_folder(url).exists()


async def test_the_server_stops_when_the_program_is_killed(
    data: Path, bare: dict[str, str]
) -> None:
    async with another_program(data, bare) as program:
        assert await ask(program.url, "SELECT 1") == 1
        program.process.kill()
        await program.process.wait()
        async with embedded(data, silent, durable=False):
            earlier = (data / "postgres.log.1").read_text()
    assert earlier.rstrip().endswith("database system is shut down")


async def test_a_server_that_lost_its_guardian_is_stopped_and_started_again(
    data: Path, bare: dict[str, str]
) -> None:
    async with another_program(data, bare) as program:
        (guardian,) = children_of(program.process.pid)
        (server,) = children_of(guardian)
        os.kill(guardian, signal.SIGKILL)
        program.process.kill()
        await program.process.wait()
        os.kill(server, 0)
        async with embedded(data, silent, durable=False) as url:
            assert await ask(url, "SELECT 1") == 1
        with pytest.raises(ProcessLookupError):
            os.kill(server, 0)


async def test_a_second_program_is_told_who_has_the_folder(
    data: Path, bare: dict[str, str]
) -> None:
    async with another_program(data, bare) as program:
        with pytest.raises(CannotStart, match=f"in use by process {program.process.pid}"):
            async with embedded(data, silent):
                pass


async def test_a_second_program_may_share_the_server(data: Path, bare: dict[str, str]) -> None:
    async with another_program(data, bare) as program:
        async with embedded(data, silent, share=True) as url:
            assert url == program.url
        assert await ask(program.url, "SELECT 1") == 1


async def test_a_process_number_that_is_another_s_by_now_is_no_obstacle(data: Path) -> None:
    cluster = data / "postgres"
    record = cluster / "postmaster.pid"
    record.write_text(f"{os.getppid()}\n{cluster}\n1\n5432\n{data / 'socket'}\n\n0 0\nready\n")
    os.chown(record, cluster.stat().st_uid, cluster.stat().st_gid)
    async with embedded(data, silent, durable=False) as url:
        assert await ask(url, "SELECT 1") == 1


async def test_an_empty_record_of_a_crash_is_no_obstacle(data: Path) -> None:
    (data / "postgres" / "postmaster.pid").touch()
    async with embedded(data, silent, durable=False) as url:
        assert await ask(url, "SELECT 1") == 1


async def test_a_half_made_cluster_is_made_anew(folder: Path) -> None:
    data = folder / "data"
    (data / "postgres.new").mkdir(parents=True)
    (data / "postgres.new" / "PG_VERSION").write_text("18\n")
    (data / "in-use").touch()
    async with embedded(data, silent, durable=False) as url:
        assert await ask(url, "SELECT 1") == 1


async def test_a_folder_with_other_things_is_refused_and_left_alone(folder: Path) -> None:
    (folder / "letter.txt").touch()
    with pytest.raises(CannotStart, match=r"holds other things \(letter\.txt\)"):
        async with embedded(folder, silent):
            pass
    assert [entry.name for entry in folder.iterdir()] == ["letter.txt"]


async def test_data_of_another_release_is_refused(data: Path) -> None:
    (data / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(CannotStart, match=r"was made by PostgreSQL 17, and this program brings 18"):
        async with embedded(data, silent):
            pass


async def test_a_file_in_the_place_of_the_folder_is_refused(folder: Path) -> None:
    (folder / "data").touch()
    with pytest.raises(CannotStart, match="cannot be used: File exists"):
        async with embedded(folder / "data", silent):
            pass


async def test_a_server_that_cannot_start_says_what_its_log_says(data: Path) -> None:
    with (data / "postgres" / "postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = 1\n")
    with pytest.raises(CannotStart, match="no_such_setting"):
        async with embedded(data, silent):
            pass
