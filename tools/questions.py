"""The questions of the exercises, as package data.

They are written as Markdown cells of nbs/exercises/lesson*.ipynb. This gathers them in
fashion_cnn/exercises/questions.md, from where the library reads them.

    python tools/questions.py      python tools/questions.py --check
"""
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = Path("fashion_cnn", "exercises", "questions.md")


def questions(root=ROOT):
    "The cells that hold a question, `## 3.4 Idea (level)`, or say why its solution is right."
    texts = []
    for path in sorted(Path(root, "nbs", "exercises").glob("lesson*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            text = "".join(cell["source"]).strip()
            if cell["cell_type"] == "markdown" and re.match(r"## \d+\.\d+ |Why: ", text):
                texts.append(text)
    return "\n\n".join(texts) + "\n"


def main(root=ROOT, check="--check" in sys.argv):
    "Write the file; with `--check` say whether it is in step."
    path = Path(root, OUT)
    text = questions(root)
    if check and (not path.exists() or path.read_text(encoding="utf-8") != text):
        sys.exit(f"{OUT} is not what the notebooks say: run `python tools/questions.py`")
    if not check:
        path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
