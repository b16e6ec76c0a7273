"""What is wrong with one node, in plain words, and what to do: for ``comity doctor``.

Each check looks at one thing and says one sentence; one that cannot look says so, and the others go on.

Invariant: nothing is changed here; a finding whose ``mend`` is called changes modes of key files, what a killed command
left, or the place of the write-ahead log, and never a row, a key or a setting.
"""

import errno
import http.client
import json
import platform
import resource
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import apsw

import comity
from comity.errors import BadDeclaration, ComityError, ConfigError
from comity.limits import (
    CLOCK_BEHIND_NS_MAX,
    DISK_FREE_BYTES_MIN,
    DOCTOR_ANSWER_BYTES_MAX,
    DOCTOR_ANSWER_TIME_S,
    OPEN_FILES_BESIDE_CONNECTIONS,
)
from comity.machine.genesis import check_apps
from comity.node import folder_checks
from comity.node.config import CONFIG_FILE, Config, read_config, stray_variables
from comity.node.finding import Finding, State, well
from comity.node.folder import Folder
from comity.node.health import clock_words
from comity.node.listening import listening_url
from comity.sdk.load import load_apps

Check = Callable[[], Iterator[Finding]]


def examine(directory: Path, environment: Mapping[str, str], now_ns: int) -> Iterator[Finding]:
    """Yield what each check of a node's folder and machine found, in the order in which people should read it.

    Cost: at most ``DOCTOR_CHECK_TIME_S`` for the file; ``comity audit`` looks at every row.
    """
    folder = Folder(directory)
    yield from _guarded("software", _software)
    yield from _guarded("settings", lambda: _settings(directory, environment))
    try:
        config = read_config(directory, environment=environment).config
    except ConfigError:
        config = Config()  # told above; the other checks go on with the defaults
    yield from _guarded("disk", lambda: _disk(directory))
    holder = folder_checks.lock_holder(folder)
    yield from _guarded("open files", lambda: _open_files(config, holder))
    yield from _guarded("running", lambda: _running(folder, config, holder))
    about_folder = list(_guarded("folder", lambda: folder_checks.check_folder(folder)))
    yield from about_folder
    if not folder_checks.has_ledger(folder) or any(
        each.state == "damaged" for each in about_folder
    ):
        return  # there is nothing that the other checks could look at
    yield from _guarded("keys", lambda: folder_checks.check_keys(folder))
    yield from _guarded("apps", lambda: _apps(folder))
    yield from _guarded("file", lambda: folder_checks.check_file(folder))
    yield from _guarded(
        "wal", lambda: folder_checks.check_wal(folder, is_running=holder is not None)
    )
    yield from _guarded("clock", lambda: _clock(folder, now_ns))
    yield from _guarded("leftovers", lambda: folder_checks.check_leftovers(folder))


def _guarded(name: str, check: Check) -> Iterator[Finding]:
    """Run a check; what keeps it from looking is a finding of its own."""
    try:
        yield from check()
    except ComityError as error:
        yield Finding(name=name, state="wrong", words=str(error))
    except (OSError, apsw.Error) as error:
        words = f"could not be looked at: {error}"
        yield Finding(name=name, state="wrong", words=words, fix="check permissions of the folder")


def _software() -> Iterator[Finding]:
    parts = [
        f"comity {comity.__version__}",
        f"Python {platform.python_version()}",
        f"SQLite {apsw.sqlite_lib_version()}",
        f"PyNaCl {version('pynacl')} (libsodium)",
        platform.platform(terse=True),
    ]
    yield well("software", ", ".join(parts))


def _settings(directory: Path, environment: Mapping[str, str]) -> Iterator[Finding]:
    for words in stray_variables(environment):
        fix = "unset it, or see the names: comity config explain"
        yield Finding(name="settings", state="warning", words=words, fix=fix)
    try:
        configured = read_config(directory, environment=environment)
    except ConfigError as error:
        for line in str(error).split("\n"):
            fix = "change that line; see comity config explain KEY"
            yield Finding(name="settings", state="wrong", words=line, fix=fix)
        return
    changed = [key for key, origin in configured.origins.items() if origin != "default"]
    own = f"{len(changed)} changed: {', '.join(changed)}" if changed else "all are the defaults"
    yield well("settings", f"{directory / CONFIG_FILE} and COMITY_*: {own}")


def _disk(directory: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(directory).free
    words = f"{free >> 20:,} MiB are free"
    if free < DISK_FREE_BYTES_MIN:
        needed = f"make room: at least {DISK_FREE_BYTES_MIN >> 20:,} MiB, or no block can be written soon"
        yield Finding(name="disk", state="wrong", words=words, fix=needed)
    else:
        yield well("disk", words)


def _open_files(config: Config, holder: str | None) -> Iterator[Finding]:
    """Look at the limit of the running node; without one at that of this shell, from which it would be started."""
    process = int(holder) if holder is not None and holder.isdecimal() else 0
    try:
        may = resource.prlimit(process, resource.RLIMIT_NOFILE)[0]
    except (PermissionError, ProcessLookupError):  # another user's
        process, may = 0, resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    who = f"process {process}" if process else "a node started from this shell"
    needed = config.connections_max + OPEN_FILES_BESIDE_CONNECTIONS
    words = f"{who} may open {may:,} files; connections_max needs {needed:,}"
    if may == resource.RLIM_INFINITY or may >= needed:
        yield well("open files", words)
        return
    fix = (
        f"raise it (ulimit -n {needed}; LimitNOFILE={needed} for systemd), or lower connections_max"
    )
    yield Finding(name="open files", state="warning", words=words, fix=fix)


def _running(folder: Folder, config: Config, holder: str | None) -> Iterator[Finding]:
    if holder is None:
        where = f"{config.host} port {config.port}"
        problem = _bind_problem(config)
        if problem is None:
            yield well("running", f"no node runs; {where} is free")
        else:
            fix = "end the program that has it, or choose another: comity start --port 0"
            yield Finding(name="running", state="wrong", words=f"{where}: {problem}", fix=fix)
        return
    url = listening_url(folder)
    if url is None:
        yield well("running", f"process {holder} writes the ledger, and is no node that listens")
        return
    state, words = _ask(url)
    fix = "" if state == "ok" else "see its log"
    said = f"process {holder} is the node; {words}"
    yield Finding(name="running", state=state, words=said, fix=fix)


def _ask(url: str) -> tuple[State, str]:
    """Ask a running node how it is."""
    place = urlsplit(url)
    asked = http.client.HTTPConnection(
        place.hostname or "", place.port, timeout=DOCTOR_ANSWER_TIME_S
    )
    try:
        asked.request("GET", "/v1/health")
        answer = asked.getresponse()
        body = answer.read(DOCTOR_ANSWER_BYTES_MAX)
    except (OSError, http.client.HTTPException) as error:
        return "wrong", f"it does not answer at {url} ({error})"
    finally:
        asked.close()
    if answer.status == http.client.OK:
        return "ok", f"it answers at {url} that all is well"
    return "wrong", f"it says that it is not well: {_reason(body) or answer.reason}"


def _reason(body: bytes) -> str:
    """Return the detail of a problem (RFC 9457), or nothing."""
    try:
        found = json.loads(body)
    except ValueError:
        return ""
    return str(found.get("detail", "")) if isinstance(found, dict) else ""


def _bind_problem(config: Config) -> str | None:
    if config.port == 0:
        return None
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.host, config.port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return "another program listens there"
            return error.strerror or str(error)
    return None


def _apps(folder: Folder) -> Iterator[Finding]:
    genesis = folder.read_genesis()
    try:
        apps = load_apps([app.name for app in genesis.apps])
        check_apps(genesis, {name: app.declaration for name, app in apps.items()})
    except (ConfigError, BadDeclaration) as error:
        fix = "install the versions that the genesis names, into the environment that runs comity"
        for line in str(error).split("\n"):
            yield Finding(name="apps", state="wrong", words=line, fix=fix)
        return
    names = ", ".join(f"{app.name} {app.version}" for app in genesis.apps)
    yield well("apps", f"{names}, as the genesis names them")


def _clock(folder: Folder, now_ns: int) -> Iterator[Finding]:
    block_ns = folder_checks.last_block_ns(folder)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_ns // 10**9))
    if block_ns - now_ns > CLOCK_BEHIND_NS_MAX:
        fix = "set the clock: timedatectl set-ntp true"
        yield Finding(name="clock", state="wrong", words=clock_words(block_ns - now_ns), fix=fix)
    else:
        ago_s = max(now_ns - block_ns, 0) // 10**9
        yield well("clock", f"{stamp}, {ago_s:,} s after the last block")
