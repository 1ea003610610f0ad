"Exercises to hand out; submissions judged in processes of their own, and a table of points."
import importlib

ROOMS = {
    "paper": ("POINTS", "variable"), "handout": ("assignment",),
    "key": ("Key", "load_key", "read_lesson"), "roster": ("Student", "read_roster"),
    "submission": ("LARGEST", "MOST_CELLS", "Unreadable", "code_of"), "grader": ("STATES",),
    "marks": ("grade", "totals")}
__all__ = sorted(sum(ROOMS.values(), ()))


def __getattr__(name):
    "What a room exports; a room is loaded when it is needed, as a student's process needs few."
    for room, names in ROOMS.items():
        if name in names: return getattr(importlib.import_module(f"{__name__}.{room}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
