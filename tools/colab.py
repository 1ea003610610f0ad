"""Colab's packages: does what a lesson installs there leave them as they are, and are their versions those of today?

    python tools/colab.py PACKAGE          in an environment of tests/colab.txt: pip's own plan for a wheel, a folder or a name
    python tools/colab.py pip-freeze.txt   write the versions of Colab's list into tests/colab.txt

A preloaded package that is replaced after it was imported forces a restart of the runtime: what students see first is an error.
"""
import json
import re
import subprocess
import sys
from pathlib import Path

KNOWN = Path(__file__).resolve().parent.parent / "tests" / "colab.txt"


def plain(name):
    "The name of a package in the one form in which names are compared."
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(text):
    "The packages of a list: {name: version}."
    return {plain(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", text, flags=re.MULTILINE)}


def plan(*packages):
    "What pip would install here: {name: version}."
    done = subprocess.run([sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-", *packages],
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return {plain(each["metadata"]["name"]): each["metadata"]["version"] for each in json.loads(done.stdout)["install"]}


def replaced(planned, preloaded):
    "What of the plan is there already, in another version."
    return {name: f"{preloaded[name]} by {version}" for name, version in planned.items()
            if name in preloaded and version != preloaded[name]}


def renew(known, today):
    "The text of tests/colab.txt with the versions of today's list; packages that it no longer has go."
    lines = []
    for line in known.splitlines():
        name, pin, _ = line.partition("==")
        if not pin or line.startswith("#"):
            lines.append(line)
        elif plain(name) in today:
            lines.append(f"{name}=={today[plain(name)]}")
    return "\n".join(lines) + "\n"


def main(words):
    if words and words[0].endswith(".txt"):
        KNOWN.write_text(renew(KNOWN.read_text(encoding="utf-8"), pinned(Path(words[0]).read_text(encoding="utf-8"))), encoding="utf-8")
        return None
    planned = plan(*words)
    lost = replaced(planned, pinned(KNOWN.read_text(encoding="utf-8")))
    print(f"   pip would install {', '.join(f'{name} {version}' for name, version in planned.items()) or 'nothing'}")
    return f"preloaded packages would be replaced: {lost}" if lost else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
