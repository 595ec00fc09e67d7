"""Checks that a wheel has the files of the package, no others, and the metadata of pyproject.toml."""

import ast
import subprocess
import sys
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

PACKAGE = "airflow_provider_segment"
ADDED = {f"{PACKAGE}/toolsets/refusals.md"}  # from docs/: see pyproject.toml

wheel = ZipFile(sys.argv[1])
tracked = subprocess.run(["git", "ls-files", PACKAGE], check=True, capture_output=True, text=True).stdout
inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
wanted = {*tracked.split(), *ADDED}
if inside != wanted:
    sys.exit(f"the wheel lacks {sorted(wanted - inside)}, and has {sorted(inside - wanted)} in addition")

[info] = {name.split("/")[0] for name in wheel.namelist()} - {PACKAGE}
metadata = Parser().parsestr(wheel.read(f"{info}/METADATA").decode())
assignment = ast.parse(Path(PACKAGE, "__init__.py").read_text()).body[1]
version = ast.literal_eval(assignment.value)
assert metadata["Version"] == version, (metadata["Version"], version)
assert metadata["License-Expression"] == "Apache-2.0", metadata["License-Expression"]
assert f"{info}/licenses/LICENSE" in wheel.namelist()
assert "[apache_airflow_provider]" in wheel.read(f"{info}/entry_points.txt").decode()
if f"\n## [{version}]" not in Path("CHANGELOG.md").read_text():
    print(f"note: CHANGELOG.md has no section of {version}; it needs one before this is published")
print(f"{len(inside)} files, as in the repository; metadata of {metadata['Name']} {version}")
