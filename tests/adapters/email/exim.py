"""A real Debian mail server, Exim, which delivers into Maildirs.

``make .exim`` unpacks it into `.exim` and installs nothing, so that no service starts and the machine's own mail is
left alone. Each server has its own settings, spool and mailboxes in a folder of its own, listens on a free port of
127.0.0.1, and does not run as an administrator.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import attrs

from tests.machine import EXIM
from tests.servers import short_folder, stop

UNPACKED = Path(__file__).parents[3] / ".exim"
PROGRAM = Path("usr/sbin/exim4")

NOBODY = 65_534
SECONDS_AT_MOST = 60.0
STARTS = 5
"""How often another program may take the port before the server does."""

SETTINGS = """
primary_hostname = mx.example
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
daemon_startup_retries = 0
tls_on_connect_ports = {implicit_tls}
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/pid
queue_only_file = {folder}/keep
keep_environment = LD_LIBRARY_PATH : LD_PRELOAD : NSS_WRAPPER_PASSWD : NSS_WRAPPER_GROUP
deliver_drop_privilege
smtp_accept_queue_per_connection = 0
message_size_limit = {largest}
tls_advertise_hosts = {tls}
tls_certificate = {folder}/certificate.pem
tls_privatekey = {folder}/certificate.pem
acl_smtp_rcpt = at_recipient
acl_smtp_data = at_data

begin acl
at_recipient:
  require message = 530 5.7.0 Encrypt, and log in
          condition = {let_in}
  # As in the settings that Debian's package brings along.
  require message = relay not permitted
          domains = *.example
  require verify = recipient
  accept
at_data:
  accept  condition = ${{if exists {{{folder}/dawdle}}}}
          delay = 60s
  accept

begin routers
mailboxes:
  driver = accept
  condition = ${{lookup {{$local_part@$domain}} lsearch {{{folder}/mailboxes}} {{yes}} {{no}}}}
  transport = maildir

begin transports
maildir:
  driver = appendfile
  # What comes from the file is trusted as a path, unlike the address itself.
  directory = {folder}/mail/${{lookup {{$local_part@$domain}} lsearch {{{folder}/mailboxes}} {{$value}} fail}}
  maildir_format

begin retry
* * F,1h,1m

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_set_id = $auth2
  server_advertise_condition = ${{if def:tls_in_cipher}}
  server_condition = ${{if and {{ {{eq {{$auth2}} {{{user}}}}} {{eq {{$auth3}} {{{password}}}}} }} }}
"""


@attrs.frozen(kw_only=True)
class Login:
    """What the server wants from a client: an encrypted connection, a name and a password.

    Attributes:
        certificate: The server's key and certificates, as PEM.
        implicit_tls: Whether the connection is encrypted from the beginning.
    """

    certificate: bytes
    user: str
    password: str
    implicit_tls: bool = False


@attrs.define(kw_only=True)
class Exim:
    """A mail server that runs, until it is killed.

    Attributes:
        folder: Its own folder, with its settings, spool, log and mailboxes.
        port: Its port on 127.0.0.1.
    """

    folder: Path
    port: int = 0
    _process: "subprocess.Popen[bytes] | None" = None

    def start(self, *, login: Login | None = None, largest: int = 1_000_000) -> None:
        """Start it on a free port and return once it listens; what is in its folder stays.

        Args:
            login: What it wants from a client; by default nothing.
            largest: The most bytes of a message.

        Raises:
            ServerUnavailable: It does not start.
        """
        for _ in range(STARTS):
            self.port = free_port()
            self._configure(login, largest=largest)
            self._process = self._run("-bdf")
            wait_until(lambda: (self.folder / "pid").exists() or self._has_ended(), self.log)  # written once it listens
            if not self._has_ended():
                return
        raise EXIM.missing(f"did not start. It said:\n{self.log()}")

    def _has_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _configure(self, login: Login | None, *, largest: int) -> None:
        settings = SETTINGS.format(
            folder=self.folder,
            port=self.port,
            largest=largest,
            tls="*" if login and not login.implicit_tls else "",
            implicit_tls=self.port if login and login.implicit_tls else "",
            let_in="${if and {{def:tls_in_cipher}{def:authenticated_id}}}" if login else "yes",
            user=login.user if login else "",
            password=login.password if login else "",
        )
        (self.folder / "pid").unlink(missing_ok=True)
        self.write("settings", settings)
        self.write("certificate.pem", login.certificate.decode() if login else "")

    def _run(self, *arguments: str) -> "subprocess.Popen[bytes]":
        libraries = self.folder / "programs" / "lib"
        environment = {
            "PATH": os.defpath,
            "LD_LIBRARY_PATH": str(libraries),
            # Exim asks for its user by name, and is content with the one that it runs as.
            "LD_PRELOAD": str(libraries / "libnss_wrapper.so"),
            "NSS_WRAPPER_PASSWD": str(self.folder / "passwd"),
            "NSS_WRAPPER_GROUP": str(self.folder / "group"),
        }
        as_nobody = os.geteuid() == 0
        with (self.folder / "output").open("ab") as output:
            return subprocess.Popen(
                [self.folder / "programs" / "exim4", "-C", self.folder / "settings", *arguments],
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,  # so that it can be stopped and killed with all that it began
                user=NOBODY if as_nobody else None,
                group=NOBODY if as_nobody else None,
                extra_groups=[] if as_nobody else None,
            )

    # How it behaves

    def know(self, addresses: Iterable[str]) -> None:
        """Let it know these mailboxes and no others."""
        self.write("mailboxes", "".join(f'"{address.lower()}": {address.lower()}\n' for address in addresses))

    def switch(self, name: str, *, on: bool) -> None:
        """Let it `dawdle` for a minute before it answers to a message, or `keep` messages in its spool."""
        if on:
            self.write(name, "")
        else:
            (self.folder / name).unlink(missing_ok=True)

    def write(self, name: str, text: str) -> None:
        """Write a file into its folder that it can read."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)

    # Signals

    def signal(self, sent: signal.Signals) -> None:
        """Send a signal to the server and to all processes that it began."""
        assert self._process is not None
        os.killpg(self._process.pid, sent)

    def kill(self) -> None:
        """Kill it, as when the machine loses its power."""
        assert self._process is not None
        self.signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End it and all processes that it began."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.signal(signal.SIGCONT)
            stop(self._process)
            self.signal(signal.SIGKILL)

    # Its mail

    def spooled(self, kind: str) -> list[Path]:
        """List what is in its spool: the heads (`H`) of accepted messages, and the bodies (`D`) of all."""
        return sorted(self.folder.glob(f"spool/input/**/*-{kind}"))

    def deliver(self) -> None:
        """Deliver what it accepted, and return once its spool is empty."""
        wait_until(lambda: self._run("-q").wait(SECONDS_AT_MOST) == 0 and self.spooled("H") == [], self.log)

    def mail(self) -> dict[str, list[bytes]]:
        """Return the messages in each mailbox, after delivering all that it accepted."""
        self.deliver()
        mail: dict[str, list[bytes]] = {}
        for path in sorted(self.folder.glob("mail/*/new/*")):
            mail.setdefault(path.parts[-3], []).append(path.read_bytes())
        return mail

    def log(self) -> str:
        """Return its output and its logs."""
        files = [self.folder / "output", *sorted(self.folder.glob("log/*"))]
        return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files if path.exists())


def wait_until(holds: Callable[[], bool], log: Callable[[], str]) -> None:
    """Return once something holds; fail with the log if it takes too long."""
    give_up_at = time.monotonic() + SECONDS_AT_MOST
    while not holds():
        assert time.monotonic() < give_up_at, log()
        time.sleep(0.02)


def free_port() -> int:
    """Find a port of 127.0.0.1 at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


@contextlib.contextmanager
def own_exim(unpacked: Path = UNPACKED) -> Iterator[Exim]:
    """Build a mail server that can be started without an administrator, and end it afterwards.

    Args:
        unpacked: The folder of its unpacked package.

    Raises:
        ServerUnavailable: It is not there.
    """
    if not (unpacked / PROGRAM).exists():
        raise EXIM.missing(f"it is not in {unpacked}")
    with short_folder() as folder:
        copy_programs(unpacked, folder / "programs")
        user = NOBODY if os.geteuid() == 0 else os.geteuid()
        (folder / "passwd").write_text(f"Debian-exim:x:{user}:{user}::/:/bin/false\n", encoding="utf-8")
        (folder / "group").write_text(f"Debian-exim:x:{user}:\n", encoding="utf-8")
        for name in ("spool", "log", "mail"):
            (folder / name).mkdir()
        hand_over(folder, user)
        server = Exim(folder=folder)
        server.know([])
        try:
            yield server
        finally:
            server.stop()


def copy_programs(unpacked: Path, folder: Path) -> None:
    """Copy the program and its libraries to a folder where anybody may run them."""
    (folder / "lib").mkdir(parents=True)
    program = folder / "exim4"
    shutil.copyfile(unpacked / PROGRAM, program)
    program.chmod(0o755)
    for library in unpacked.rglob("*.so*"):
        shutil.copyfile(library, folder / "lib" / library.name)


def hand_over(folder: Path, user: int) -> None:
    """Make everything in a folder belong to a user."""
    for path in (folder, *folder.rglob("*")):
        with contextlib.suppress(PermissionError):
            os.chown(path, user, user if os.geteuid() == 0 else -1)
