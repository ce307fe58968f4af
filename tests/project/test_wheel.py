"""The installed package holds every file that the code reads."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

PROJECT = Path(__file__).parents[2]


def test_the_wheel_holds_code_types_and_templates(tmp_path: Path) -> None:
    """Every file of the source tree is in the wheel, and the templates of messages are among them."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    source = PROJECT / "src"
    files = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}

    assert {name for name in files if "__pycache__" not in name and ".egg-info" not in name} == packed
    assert {"datashare/py.typed", "datashare/adapters/email/templates/layout.html.j2"} <= packed
