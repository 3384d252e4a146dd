"""The command as a process: an address, an answer, and a clean end."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request

from vaefit.cli.main import run
from vaefit.explore.guard import HOST


def test_the_command_serves_and_closes(run_of_images):
    command = [
        sys.executable,
        "-m",
        "vaefit",
        "explore",
        str(run_of_images.folder),
        "--no-browser",
        "--json",
        "-q",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["address"].startswith(f"http://{HOST}:{told['port']}/?token=")
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with browser.open(told["address"], timeout=20) as answer:
            assert answer.url == f"http://{HOST}:{told['port']}/"
            assert b"Live decoder" in answer.read()
        # Nothing listens on other addresses of this machine.
        with socket.socket() as other:
            assert other.connect_ex(("127.0.0.2", told["port"])) != 0
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (0, "", "")


def test_a_port_in_use_is_one_line(run_of_images, capsys):
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code = run(["explore", str(run_of_images.folder), "--port", port, "--no-browser"])
    said = capsys.readouterr()
    assert (code, said.out) == (2, "")
    assert (
        said.err == f"vaefit: port {port} is in use; choose another --port, or leave it out for a free one\n"
    )
