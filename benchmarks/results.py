"""Where the measurements go: RESULTS.md, a section for each script (step.py: for each network), written by the runs and by nobody else.

A script makes a `Report`, tells it what it measured, and calls `write` at the end: until then the old section stays, and a
section is replaced in one step. With --quick a script takes a small measurement to see that it works, and writes nothing.
"""
import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import re
import sys
from pathlib import Path

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)    # processes that are timed keep what they compiled, as on any student's machine

RESULTS = Path(__file__).parent / "RESULTS.md"
ORDER = ("step_brief", "step_deeper", "step_hw2_cnn", "step_cm6_resnet", "operators_hw2_cnn", "operators_cm6_resnet", "accuracy", "minutes", "growth", "start", "loading", "sketch", "augment", "transfer", "judging", "panels")
WIDEST = {"avx512_vnni": "AVX-512 VNNI", "avx512f": "AVX-512", "avx2": "AVX2"}
TOP = """# Measurements

Every section is written by the command under its heading; nothing here was typed by hand. The sections `accuracy` and `minutes` collect
trainings of several days, each with its machine; all others are of one run on one machine. Seconds depend on the machine, ratios much less.
`make bench` runs all of it anew, and the page *Speed* shows it with figures.
"""


def arguments(doc, repeats=5, **options):
    "A parser with what all scripts take: --repeats, --quick and --results; more by `add_argument`."
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter, **options)
    if repeats: parser.add_argument("--repeats", type=int, default=repeats, help=f"turns, of which medians are taken (default {repeats})")
    parser.add_argument("--quick", action="store_true", help="a small measurement, to see that it works; RESULTS.md stays as it is")
    parser.add_argument("--results", type=Path, metavar="FILE", help="write the section into this file (default: RESULTS.md beside the scripts)")
    return parser


def cores():
    "How many cores this process may use."
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def processor():
    "Its name, and the widest instructions it computes with: what decides most about seconds."
    try: text = Path("/proc/cpuinfo").read_text()
    except OSError: text = ""
    named = re.search(r"model name\s*:\s*(.+)", text)
    widest = next((words for flag, words in WIDEST.items() if re.search(rf"^flags\s*:.*\b{flag}\b", text, re.MULTILINE)), "")
    return (named[1].strip() if named else platform.processor() or platform.machine()) + (f" with {widest}" if widest else "")


def machine():
    "The machine in words, without its name."
    return f"{cores()} cores, {processor()}, {platform.machine()}, {platform.system()}"


def load():
    "How much the machine has to do besides."
    return f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""


def versions(*packages):
    "Names and versions of Python and of packages that are installed."
    found = [f"Python {platform.python_version()}"]
    for name in packages:
        try: found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError: found.append(f"no {name}")
    return ", ".join(found)


def command():
    "How this script was called, without the folder it lies in."
    words = [Path(sys.argv[0]).name, *(Path(word).name if os.path.isabs(word) else word for word in sys.argv[1:])]
    return "python benchmarks/" + " ".join(words)


def table(rows):
    "A list of dictionaries with the same keys as a Markdown table, aligned so that it can be read as text; numbers to the right."
    heads = list(rows[0])
    cells = [[str(row[head]) for head in heads] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(heads, *cells)]
    right = [index > 0 and all(re.match(r"[-–]?$|[\d.,–-]+(\s|$)|none|not ", row[index]) for row in cells) for index in range(len(heads))]
    line = lambda texts: "| " + " | ".join(text.rjust(width) if side else text.ljust(width)
                                           for text, width, side in zip(texts, widths, right)) + " |"
    rule = "|" + "|".join("-" * (width + 1) + (":" if side else "-") for width, side in zip(widths, right)) + "|"
    return "\n".join([line(heads), rule, *map(line, cells)])


class Report:
    "What one run measured: printed at once, and written as a section at the end."

    def __init__(self, title, packages, asked, name=None):
        self.name, self.title, self.asked = name or Path(sys.argv[0]).stem, title, asked
        today = datetime.date.today()
        self.parts = [f"`{command()}`, {today.day} {today:%B %Y}; {machine()}{load()}; {versions('fashion_cnn', *packages)}."]
        print(f"{title}\n{self.parts[0]}\n", flush=True)

    def text(self, sentence):
        "Say something, in Markdown."
        self.parts.append(sentence)
        print(sentence + "\n", flush=True)

    def table(self, rows):
        "Show rows."
        self.text(table(rows))

    def write(self):
        "Replace this script's section, unless the run was a quick one."
        path = self.asked.results or (None if self.asked.quick else RESULTS)
        if path is None: return print("A quick run: RESULTS.md stays as it is.")
        write_section(path, self.name, f"## {self.title}\n\n" + "\n\n".join(self.parts))
        print(f"written to {path.name}")


def lines(path):
    "What is finished, in a file with a JSON text in each line; a line that was cut off is passed over."
    found = []
    for line in Path(path).read_text(encoding="utf-8").splitlines() if Path(path).exists() else []:
        try: found.append(json.loads(line))
        except ValueError: pass
    return found


def append(path, line):
    "Write one more line, on the disk when this returns; it begins a new line even where the last one was cut off."
    there = Path(path).read_text(encoding="utf-8") if Path(path).exists() else ""
    cut = there != "" and not there.endswith("\n")
    with open(path, "a", encoding="utf-8") as file:
        file.write("\n" * cut + json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())


def sections(path):
    "What a file of results holds: {name of the script: text}."
    if not Path(path).exists(): return {}
    parts = re.split(r"^<!-- (\w+) -->\n", Path(path).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2])}


def write_section(path, name, text):
    "Put one section into a file of results, in its place; the others stay as they are."
    from fashion_cnn.files import write_atomically
    found = {**sections(path), name: text.strip()}
    order = sorted(found, key=lambda each: (ORDER.index(each) if each in ORDER else len(ORDER), each))
    write_atomically(path, "\n".join([TOP, *(f"<!-- {each} -->\n{found[each]}\n" for each in order)]).encode("utf-8"))


if __name__ == "__main__":
    print("\n".join(f"{name}: {text.splitlines()[0].lstrip('# ')}" for name, text in sections(RESULTS).items()) or "no measurements yet")
