"""Options of `freehold serve` that differ from the file."""

import os
import subprocess
import sys
from pathlib import Path


def begun(folder: Path, *options: str) -> list[str]:
    """What `freehold serve` says until it serves or ends; it is ended then."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FREEHOLD_")}
    command = [sys.executable, "-m", "freehold", "serve", *options]
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as process:
        said: list[str] = []
        for line in process.stderr or ():
            said.append(line)
            if "Freehold serves" in line:
                break
        process.terminate()
    return said


def test_an_option_may_mend_what_the_file_alone_would_not_be_allowed(tmp_path: Path) -> None:
    """A file that listens everywhere without a public address is refused; the same file with --host 127.0.0.1 serves."""
    (tmp_path / "freehold.toml").write_text('host = "0.0.0.0"\nport = 0\n')
    assert "public_url is not set" in begun(tmp_path)[-1]
    served = begun(tmp_path, "--host", "127.0.0.1")
    assert "Freehold serves" in served[-1]
    assert not any("public_url" in line for line in served)


def test_another_port_than_the_files_is_remarked_on(tmp_path: Path) -> None:
    """Tokens minted by other commands are for the file's address, and the server says so; without the option it says nothing of it."""
    (tmp_path / "freehold.toml").write_text("port = 0\n")
    assert not any("made out to" in line for line in begun(tmp_path))
    (tmp_path / "freehold.toml").write_text("port = 8080\n")
    assert "made out to http://127.0.0.1:8080/mcp" in "".join(begun(tmp_path, "--port", "0"))
