"""Write the project's public address, which stands in settings.ini only, wherever else it appears.

    python tools/address.py            write        python tools/address.py --check     fail if something is out of step

Written are, in every notebook, _quarto.yml, pyproject.toml and CONTRIBUTING.md:
  - the badge: a markdown cell that starts with `[![Open in Colab](`
  - the install cell: a code cell that holds `google.colab` and what pip is to install; that is the branch as long as the version
    ends in .dev0, and else the release, whose notebooks the badge then opens too
  - every other link to the repository, its site or its notebooks in Colab
A notebook without badge or install cell is given both, after its title: Colab opens the file of the repository, so what it
needs must stand in that file. In a lesson readers see the install cell, elsewhere it is hidden; the home page has a badge for
the first lesson in its text instead of one for itself.
"""
import re
import sys

from pages import ROOT, notebooks, read, settings, write

BADGE = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
INSTALL = '''if "google.colab" in str(get_ipython()):  # elsewhere this cell does nothing
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/OWNER/REPO")'''
INSTALLED = re.compile(r"(?:fashion_cnn(?P<extras>\[[\w,]+\])? @ )?git\+https://github\.com/[\w-]+/[\w-]+(?:\.git)?"
                       r"|fashion_cnn(?P<released>\[[\w,]+\])?==[\w.]+")


def address(root=ROOT):
    "Where the project lives, as settings.ini says."
    values = settings(root)
    version = values["version"]
    released = None if ".dev" in version else version
    return {"name": f"{values['user']}/{values['repo']}", "branch": values["branch"], "release": released,
            "site": values["doc_host"] + values["doc_baseurl"]}


def written_before(root=ROOT):
    "The owner/repository that the last writing left: the first link to GitHub in _quarto.yml."
    match = re.search(r"https://github\.com/([\w.-]+/[\w.-]+)", (root / "_quarto.yml").read_text(encoding="utf-8"))
    return match[1] if match else address(root)["name"]


def reference(new):
    "The branch or, of a release, the tag whose notebooks Colab opens."
    return f"v{new['release']}" if new["release"] else new["branch"]


def installed(extras, new):
    "What pip is to install: the release that a notebook belongs to, and before there is one, the branch."
    if new["release"]:
        return f"fashion_cnn{extras}=={new['release']}"
    return f"{f'fashion_cnn{extras} @ ' if extras else ''}git+https://github.com/{new['name']}"


def renew(text, old, new):
    "`text` with every mention of the old address replaced by the new one."
    owner, repo = old.split("/")
    end = r"(?![\w-])"
    text = re.sub(rf"https://github\.com/{re.escape(old)}{end}", f"https://github.com/{new['name']}", text)
    text = re.sub(rf"https://{re.escape(owner)}\.github\.io/{re.escape(repo)}{end}", new["site"], text)
    text = re.sub(rf"(https://colab\.research\.google\.com/github)/{re.escape(old)}/blob/[^/]+/",
                  rf"\1/{new['name']}/blob/{reference(new)}/", text)
    return INSTALLED.sub(lambda match: installed(match["extras"] or match["released"] or "", new), text)


def badge(path, new):
    "The line that opens this notebook in Colab."
    return f"{BADGE}(https://colab.research.google.com/github/{new['name']}/blob/{reference(new)}/nbs/{path.as_posix()})"


def is_badge(cell):
    return cell["cell_type"] == "markdown" and cell["source"].lstrip().startswith("[![Open in Colab](")


def is_home(path):
    return path.as_posix() == "index.ipynb"


def is_install(cell):
    return cell["cell_type"] == "code" and "google.colab" in cell["source"] and bool(INSTALLED.search(cell["source"]))


def new_cell(kind, source):
    "A cell with a fixed id, so that writing twice gives the same file."
    code = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": f"colab-{kind}", "metadata": {}, "source": source, **code}


def renew_notebook(nb, path, old, new):
    "Write the address into one notebook; says whether anything changed."
    before = [cell["source"] for cell in nb["cells"]]
    lesson = path.parts[0] == "course"
    if lesson:
        for cell in nb["cells"]:  # below other prose a badge gets its own cell, as the site drops it under a title
            if cell["cell_type"] == "markdown" and not is_badge(cell):
                cell["source"] = re.sub(r"\n*^\[!\[Open in Colab\]\([^)]*\)\]\([^)]*\)[ \t]*$", "", cell["source"], flags=re.MULTILINE)
    if not is_home(path) and not any(map(is_badge, nb["cells"])):
        nb["cells"].insert(1, new_cell("markdown", badge(path, new)))
    if not any(map(is_install, nb["cells"])):
        at = next((i for i, cell in enumerate(nb["cells"]) if is_badge(cell)), 0)
        nb["cells"].insert(at + 1, new_cell("code", INSTALL if lesson else f"#| hide\n{INSTALL}"))
    for cell in nb["cells"]:
        cell["source"] = renew(cell["source"], old, new)
        if is_badge(cell):
            cell["source"] = re.sub(r"\[!\[Open in Colab\]\([^)]*\)\]\([^)]*\)", badge(path, new), cell["source"])
    return before != [cell["source"] for cell in nb["cells"]]


def out_of_step(root=ROOT, mend=False):
    "The files whose address is not that of settings.ini; with `mend`, they are put right."
    old, new, found = written_before(root), address(root), []
    for path in notebooks(root):
        nb = read(root / "nbs" / path)
        if renew_notebook(nb, path, old, new):
            found.append(f"nbs/{path.as_posix()}")
            if mend:
                write(nb, root / "nbs" / path)
    for name in ("CONTRIBUTING.md", "pyproject.toml", "_quarto.yml"):  # _quarto.yml last: it remembers the old address
        path = root / name
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if (renewed := renew(text, old, new)) != text:
            found.append(name)
            if mend:
                path.write_text(renewed, encoding="utf-8")
    return found


if __name__ == "__main__":
    mend = "--check" not in sys.argv
    found = out_of_step(mend=mend)
    for name in found:
        print(f"{'written' if mend else 'out of step with settings.ini'}: {name}")
    if found and not mend:
        sys.exit("`make address` puts that right.")
    if not found:
        print(f"   {address()['name']} everywhere")
