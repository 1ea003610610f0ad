"""A process that takes orders: each is carried out in a fork of its own, with little memory and time.

Each line of the input is JSON, `[function, path]`; each line of the output says what became of it."""
import json
import os
import re
import resource
import sys
import traceback
import warnings

SCALE = int(os.environ.get("FASHION_CNN_SCALE", 1))   # 8: everything, limits too, is an eighth
MEMORY, SECONDS = max((1 << 30) // SCALE, 400_000_000), 20
os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"   # the others reserve a gigabyte before anything is read


def small(value):
    "What a test needs to know of a result."
    if hasattr(value, "x"):
        names = list(value.class_names or ())
        return {"shape": list(value.x.shape), "names": names, "sum": int(value.x.sum()), "labels": None if value.y is None else value.y.tolist()[:1000]}
    return type(value).__name__


def functions():
    "What may be asked for."
    import fashion_cnn.data.pictures, fashion_cnn.data.tables, fashion_cnn.predict   # so that no fork has to
    import PIL.features, h5py, pyarrow.parquet
    from fashion_cnn.data import load, read
    from fashion_cnn.run import Run, from_record
    from PIL import Image
    from fashion_cnn import limits
    Image.init()
    for name in ("MAX_BYTES", "VALUES", "JSON_BYTES"): setattr(limits, name, getattr(limits, name) // SCALE)
    return {"read": lambda path: read(path), "any": lambda path: load(path), "run": Run.load, "record": from_record,
            "photograph": fashion_cnn.predict.read_photograph}


def limit_memory():
    pages = int(open("/proc/self/statm").read().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def carry_out(function, path, report):
    "In the fork: one order, and one line about it."
    limit_memory()
    warnings.simplefilter("ignore")
    answer = {}
    try: answer["value"] = small(function(path))
    except BaseException as error:
        answer |= {"kind": type(error).__name__, "error": str(error), "where": traceback.format_exc()[-1500:]}
    os.write(report, json.dumps(answer).encode())
    os._exit(0)


def answer(function, path):
    "What became of an order, with the peak of its memory in bytes."
    begin = int(re.search(r"VmRSS:\s+(\d+)", open("/proc/self/status").read())[1])
    ours, report = os.pipe()
    child = os.fork()
    if not child: carry_out(function, path, report)
    os.close(report)
    with os.fdopen(ours, "rb") as file: text = file.read()
    _, status, used = os.wait4(child, 0)
    told = json.loads(text) if text else {"kind": "killed", "error": f"status {status}"}
    return told | {"peak": 1024 * max(0, used.ru_maxrss - begin), "seconds": used.ru_utime + used.ru_stime}


if __name__ == "__main__":
    known = functions()
    print("ready", flush=True)
    for line in sys.stdin:
        name, path = json.loads(line)
        print(json.dumps(answer(known[name], path)), flush=True)
