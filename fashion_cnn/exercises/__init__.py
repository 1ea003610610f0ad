"Questions to every lesson that look at your answer, and say which idea went wrong."
from fashion_cnn.exercises.exercise import (EXERCISES, Exercise, Mistake, Undecided, Verdict, Words,
                                            Wrong, answer_of, attempted, get, in_words, names,
                                            one_line, outcome, solves, table)
from fashion_cnn.exercises.judges import (NEITHER, alike, call, choice, function, network, number,
                                          shape)
from fashion_cnn.exercises.question import LEVELS

__all__ = ["EXERCISES", "LEVELS", "NEITHER", "Exercise", "Mistake", "Undecided", "Verdict",
           "Words", "Wrong", "alike", "answer_of", "attempted", "call", "choice", "function", "get",
           "in_words", "names", "network", "number", "one_line", "outcome", "shape", "solves",
           "table", *(f"lesson{number}" for number in range(1, 10))]
