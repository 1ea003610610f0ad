"""What a page says of a command line: every command with its options, as argparse will read them.

It is made by running the parser of the page's module, so that options that commands share are where they belong. A module has
one if it exports a function `parser() -> argparse.ArgumentParser`. Nothing but the parser is run.
"""
import argparse
import html
import importlib.util
import re

DEFAULT = re.compile(r"\s*\(default: (.*)\)$")
CLAUSE = re.compile(r"(?:(?:A|An|The) )?(.+?)(?:,? such as .*)?(?:, for argparse\b.*|\.)?", flags=re.DOTALL)
MUST = "must be given"
COLUMNS = {"name": "Option", "type": "Type", "default": "Default", "text": "What it is"}


def has_parser(entries):
    "Whether a page documents a parser: a function of that name without parameters; `entries` as library.py reads them."
    entry = entries.get("parser")
    return bool(entry and not entry.parameters and entry.returns and entry.returns.type.endswith("ArgumentParser"))


def parser_of(module, file):
    "The parser that a module makes; the module is read from this file, whatever is imported under its name."
    spec = importlib.util.spec_from_file_location(module, file)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made.parser()


def commands_of(parser):
    "Its commands: [(name, one line of help, parser), ...]."
    found = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return [(each.dest, each.help, action.choices[each.dest]) for action in found for each in action._choices_actions]


def is_switch(action):
    return action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction)


def name_of(action):
    "How an argument is written: `--epochs`, or for one without a dash what the help calls it."
    return ", ".join(action.option_strings) or str(action.metavar or action.dest)


PLAIN = {int: "whole number", float: "number", str: "text"}


def type_in_words(kind):
    "What a type of argparse says of itself in its docstring: `A number above 0, such as 3, for argparse.`"
    return PLAIN.get(kind) or CLAUSE.fullmatch(kind.__doc__ or kind.__name__)[1]


def type_of(action):
    "What an argument takes, as HTML: its choices, or what its type says of itself in its docstring."
    if is_switch(action):
        return "a switch"
    if action.choices:
        *others, last = [f"<code>{html.escape(str(each))}</code>" for each in action.choices]
        return f"{', '.join(others)} or {last}"
    words = type_in_words(action.type) if action.type else (action.metavar or "text").lower()
    more = ", one or more" if action.nargs == "+" else ""
    return html.escape(words[:1].lower() + words[1:] + more)


def default_of(action):
    "What holds where an argument is not given; for what is worked out later, in the words of its help."
    if action.required:
        return MUST
    if action.default is None or action.default is False:
        words = DEFAULT.search(action.help or "")
        return html.escape(words[1]) if words else ""
    values = action.default if isinstance(action.default, list) else [action.default]
    shown = " ".join(f"{each:g}" if isinstance(each, float) else str(each) for each in values)
    return f"<code>{html.escape(shown)}</code>"


def row(action, sentence):
    "One argument as cells; `sentence` makes HTML of a help text."
    text = DEFAULT.sub("", (action.help or "") % vars(action))
    return {"name": f"<code>{html.escape(name_of(action))}</code>", "type": type_of(action), "default": default_of(action),
            "text": sentence(text)}


def arguments_of(parser):
    "The arguments of a command: those without a dash first, then those that must be given; `--help` is left out."
    own = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]
    return sorted(own, key=lambda action: (bool(action.option_strings), not action.required))


def usage(parser):
    "How a command is called, in short form."
    parts = [parser.prog]
    for action in arguments_of(parser):
        if action.required:
            value = f"{action.metavar or action.dest.upper()}{' ...' if action.nargs == '+' else ''}"
            parts.append(f"{action.option_strings[0]} {value}" if action.option_strings else value)
    optional = any(not action.required for action in arguments_of(parser))
    return " ".join([*parts, *(["[options]"] if optional else [])])


def cell(column, text):
    "One cell of the table; on a narrow screen, where the heads are out of sight, a default says that it is one."
    if column == "name":
        return f'<th scope="row">{text}</th>'
    return f'<td class="doc-default">{text}</td>' if column == "default" and text and text != MUST else f"<td>{text}</td>"


def table(parser, sentence):
    "The arguments of a command, without columns that are empty."
    rows = [row(action, sentence) for action in arguments_of(parser)]
    if not rows:
        return "<p>It takes nothing.</p>"
    columns = [name for name in COLUMNS if any(each[name] for each in rows)]
    head = "".join(f'<th scope="col">{COLUMNS[name]}</th>' for name in columns)
    lines = []
    for each in rows:
        cells = [cell(name, each[name]) for name in columns]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return (f'<table class="doc-parameters doc-options" data-quarto-disable-processing="true">\n<thead><tr>{head}</tr></thead>\n<tbody>\n'
            + "\n".join(lines) + "\n</tbody>\n</table>")


def described(name, parser, sentence):
    "One command as Markdown: a heading, how it is called, what it does, its arguments."
    text = " ".join((parser.description or "").split())
    return (f'### {parser.prog} {{#command-{name} .doc-name}}\n\n```{{=html}}\n<div class="doc">\n'
            f'<pre class="doc-signature"><code>{html.escape(usage(parser))}</code></pre>\n'
            f"<p>{sentence(text)}</p>\n{table(parser, sentence)}\n</div>\n```")


def contents(commands):
    "The list of all commands."
    lines = [f'<tr><th scope="row"><a href="#command-{name}"><code>{name}</code></a></th><td>{html.escape(words)}</td></tr>'
             for name, words, _ in commands]
    head = '<thead><tr><th scope="col">Command</th><th scope="col">What it does</th></tr></thead>'
    return (f'```{{=html}}\n<table class="doc-contents" data-quarto-disable-processing="true">\n{head}\n<tbody>\n'
            + "\n".join(lines) + "\n</tbody>\n</table>\n```")


def page_of_commands(parser, sentence):
    "All commands as Markdown, under a heading, and a heading for the functions that follow."
    commands = commands_of(parser)
    return "\n\n".join(["## Commands", contents(commands), *(described(name, each, sentence) for name, _, each in commands),
                        "## Functions"])
