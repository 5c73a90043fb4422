"""Makes the peers' own environment from peers.txt, once; again when the file changes."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENT = HERE / ".envs" / "peers"


def prepare() -> None:
    """Install what peers.txt names, unless exactly that is installed."""
    wanted = (HERE / "peers.txt").read_text() + sys.version
    stamp = ENVIRONMENT / "stamp"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("Installing the peers into bench/.envs/peers (once)", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)
    pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    installed = subprocess.run([*pip, "-r", str(HERE / "peers.txt")], capture_output=True, text=True, check=False)
    if installed.returncode:
        sys.exit(f"The peers could not be installed: {installed.stderr[-600:]}")
    stamp.write_text(wanted)
