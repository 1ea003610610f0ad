"""How long a reader waits before anything happens: python benchmarks/start.py

Each line is a fresh process; seconds are medians of 5, less what starting Python alone costs.
"""
import platform
import statistics
import subprocess
import sys
import time

STARTS = {"import fashion_cnn": "import fashion_cnn",
          "from fashion_cnn.data import load": "from fashion_cnn.data import load",
          "from fashion_cnn.runs import recorded; recorded()": "from fashion_cnn.runs import recorded; recorded()",
          "fashion-cnn recipes": "from fashion_cnn.cli import main; main(['recipes'])",
          "from fashion_cnn.plots import learning_curves": "from fashion_cnn.plots import learning_curves",
          "from fashion_cnn.train import train": "from fashion_cnn.train import train",
          "import tensorflow": "import tensorflow"}


def seconds(code, repeats=5):
    "Median wall time of a fresh Python process that runs `code`."
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


if __name__ == "__main__":
    print(f"Python {platform.python_version()}, {platform.machine()}\n")
    nothing = seconds("pass")
    for name, code in STARTS.items():
        print(f"{name:52s} {max(0.0, seconds(code) - nothing):6.2f} s")
