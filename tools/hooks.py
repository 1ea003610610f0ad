"""Make git and Jupyter treat notebooks as notebooks in this clone: what nbdev-install-hooks does, kept to this clone.

git:      a conflict in a notebook is settled cell by cell (merge driver), merged notebooks are trusted (post-merge)
Jupyter:  a notebook is cleaned when saved (in .venv only; nothing is written to your home)
Undo:     git config --local --remove-section merge.nbdev-merge; rm .git/hooks/post-merge; make clean-venv
"""
import os
import shutil
import subprocess
import sys
from pathlib import Path

from pages import ROOT

MARK = "# Written by tools/hooks.py"
SAVE = f'''{MARK}
def clean_on_save(**kwargs):
    try:
        from nbdev.clean import clean_jupyter
    except ModuleNotFoundError:
        return
    clean_jupyter(**kwargs)


c.ContentsManager.pre_save_hook = clean_on_save  # noqa: F821
'''


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)


def install_jupyter(prefix=sys.prefix):
    "Clean on save, for the JupyterLab of this environment."
    path = Path(prefix, "etc", "jupyter", "jupyter_server_config.py")
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SAVE)


def install_git(bin=Path(sys.prefix, "bin")):
    "Merge driver and post-merge hook, for this clone; somebody's own post-merge hook is left alone."
    driver = f'"{bin}/nbdev-merge" %O %A %B %P'
    if git("config", "--local", "merge.nbdev-merge.driver").stdout.strip() == driver:
        return
    git("config", "--local", "merge.nbdev-merge.name", "settle conflicts in notebooks cell by cell")
    git("config", "--local", "merge.nbdev-merge.driver", driver)
    hook = ROOT / git("rev-parse", "--git-path", "hooks/post-merge").stdout.strip()
    if not hook.exists() or MARK in hook.read_text():
        hook.parent.mkdir(parents=True, exist_ok=True)
        hook.write_text(f'#!/bin/sh\n{MARK}\n"{bin}/nbdev-trust" || true\n')
        hook.chmod(0o755)
    print("git settles conflicts in notebooks cell by cell from now on (tools/hooks.py says how to undo it)")


if __name__ == "__main__" and not os.environ.get("CI"):
    install_jupyter()
    top = git("rev-parse", "--show-toplevel").stdout.strip() if shutil.which("git") else ""
    if top and Path(top).resolve() == ROOT:
        install_git()
