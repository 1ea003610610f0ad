"A few pages of the site as the preview makes them, on a plain server, for tests in a browser."
import contextlib
import functools
import http.server
import shutil
import threading

import pages
import preview


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_): pass


def small_site(root, names, folders=("live", "explorers")):
    "Pages with the folders that their scripts lie in; gives the folder of the site."
    (root / "nbs").mkdir()
    for folder in folders:
        shutil.copytree(pages.ROOT / "nbs" / folder, root / "nbs" / folder, ignore=shutil.ignore_patterns("vega.js"))
    for name in ("settings.ini", *(f"nbs/{name}" for name in names)): shutil.copy(pages.ROOT / name, root / name)
    (root / "_quarto.yml").write_text(
        f"website:\n  sidebar:\n    contents:\n      - section: Start\n        contents: [{', '.join(names)}]\n")
    preview.build(root / "site", root)
    return root / "site"


@contextlib.contextmanager
def served(folder):
    "The address of a plain server in front of a folder, as long as the block lasts."
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
