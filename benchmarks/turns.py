"""Contenders in processes of their own that work in turns: each waits for a line, does its share, and says how long it took.

So libraries that cannot live in one process are measured in one run, whatever else the machine does hitting all alike. Both ends of
the conversation are here; only the standard library is used, as the other end runs in other environments.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
ENVIRONMENTS = {"torch": ROOT / ".venv-torch", "jax": ROOT / ".venv-jax"}    # made by `make bench-environments`


# In the contender's process

def say(**facts):
    "Tell the other end something."
    print("@" + json.dumps(facts), flush=True)


def wait():
    "Wait for the next turn; where there is none, the process ends here."
    if sys.stdin.readline().strip() != "go": os._exit(0)


# In the process that measures

def python_of(library):
    "The Python of an environment, or None and why it cannot be used."
    python = ENVIRONMENTS[library] / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    there = python.exists() and not subprocess.run([python, "-c", f"import {library}"], capture_output=True).returncode
    return (str(python), "") if there else (None, "not installed: make bench-environments")


class Contender:
    "A process that is told when to work."

    def __init__(self, words, environment=None):    # None as the value of a variable takes it away
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
        self.errors, self.turns = tempfile.TemporaryFile("w+"), []
        self.process = subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        text=True, env={name: value for name, value in environment.items() if value is not None})

    def heard(self):
        "The next thing it says; RuntimeError with its last words where it has died."
        for line in self.process.stdout:
            if line.startswith("@"): return json.loads(line[1:])
        code = self.process.wait()
        self.errors.seek(0)
        raise RuntimeError(f"a contender ended with exit code {code}:\n{self.errors.read().strip()[-1500:] or 'without a word'}")

    def turn(self):
        "Let it work once."
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self.turns.append(self.heard())

    def end(self):
        "Send it home."
        self.process.kill()
        self.process.wait()


def alternate(contenders, repeats):
    "Everybody once in each turn, beginning with another one each time."
    names = list(contenders)
    for number in range(repeats):
        for name in names[number % len(names):] + names[:number % len(names)]: contenders[name].turn()


def median(contender, name):
    "The median of what a contender said in its turns."
    return statistics.median(each[name] for each in contender.turns)


def ratio(contender, other, name):
    "The median of how one compares with another in the same turn."
    return statistics.median(mine[name] / theirs[name] for mine, theirs in zip(contender.turns, other.turns))
