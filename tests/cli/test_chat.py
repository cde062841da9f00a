"""`whet chat`: one prompt, a pipe, a terminal."""

import os
import pty
import select
import signal
import sys
import time

import pytest

from tests.generate import tiny
from whet.cli.main import main

GREEDY = ["--temperature", "0", "--max-new-tokens", "12", "--device", "cpu"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(tiny.folder(tmp_path_factory.mktemp("model"), max_position_embeddings=4096))


@pytest.fixture(scope="module")
def base_model(tmp_path_factory):
    return str(tiny.folder(tmp_path_factory.mktemp("base"), chat=False))


def chat(*arguments, lines=None, monkeypatch=None):
    if lines is not None:
        reader, writer = os.pipe()
        os.write(writer, "".join(f"{line}\n" for line in lines).encode())
        os.close(writer)
        monkeypatch.setattr(sys, "stdin", os.fdopen(reader))
    return main(["chat", *arguments, *GREEDY])


def expected(folder, prompt):
    from whet.generate.decode import complete
    from whet.generate.protocol import GenerateSettings

    loaded = tiny.loaded(folder)
    answer = complete(loaded.module, loaded.processor, [prompt], GenerateSettings(max_new_tokens=12))[0]
    return answer.text


def user(text):
    return {"role": "user", "content": text}


def test_one_prompt_prints_the_answer_alone(model, capsys):
    assert chat(model, "--prompt", "hello") == 0
    out = capsys.readouterr().out
    assert out == expected(model, [user("hello")]).lstrip() + "\n"


def test_a_pipe_gets_an_answer_a_line_of_one_conversation(model, capsys, monkeypatch):
    assert (
        chat(model, lines=["hello", "", "and you?", "/reset", "hello", "/exit", "never"], monkeypatch=monkeypatch) == 0
    )
    first = expected(model, [user("hello")])
    second = expected(model, [user("hello"), {"role": "assistant", "content": first}, user("and you?")])
    assert capsys.readouterr().out == "".join(text.lstrip() + "\n" for text in (first, second, first))


def test_a_system_message_and_a_temperature_take_effect(model, capsys, monkeypatch):
    chat(model, lines=["/system be kind", "hello", "/temperature 5", "hello"], monkeypatch=monkeypatch)
    kind, warm = capsys.readouterr().out.split("\n", 1)
    answer = expected(model, [{"role": "system", "content": "be kind"}, user("hello")])
    assert kind + warm[: len(answer)] == (answer.lstrip() + "\n" + warm[: len(answer)]).replace("\n", "", 1)
    chat(model, "--system", "be kind", "--prompt", "hello")
    assert capsys.readouterr().out == answer.lstrip() + "\n"


def test_a_model_without_template_continues_text_and_says_so(base_model, capsys):
    assert chat(base_model, "--prompt", "The quick") == 0
    printed = capsys.readouterr()
    assert "no chat template" in printed.err
    assert printed.out == expected(base_model, "The quick") + "\n"


def test_raw_continues_text_also_with_a_template(model, capsys):
    assert chat(model, "--raw", "--prompt", "The quick") == 0
    printed = capsys.readouterr()
    assert printed.out == expected(model, "The quick") + "\n"
    assert "no chat template" not in printed.err


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["/rest"], "did you mean `/reset`"),
        (["/temperature hot"], "`hot` is not a number"),
        (["/temperature -1"], "`temperature` is -1"),
        (["word " * 5000], "the last message alone has"),
    ],
)
def test_a_mistake_in_a_pipe_ends_with_code_2(model, capsys, monkeypatch, lines, message):
    assert chat(model, lines=lines, monkeypatch=monkeypatch) == 2
    printed = capsys.readouterr()
    assert message in printed.err and "hint:" in printed.err and not printed.out


def test_an_unknown_model_is_an_error_with_the_nearest_run(tmp_path, capsys):
    (tmp_path / "sft-qwen").mkdir()
    (tmp_path / "sft-qwen" / "config.yaml").touch()
    assert main(["chat", "sft-qwem", "--root", str(tmp_path)]) == 2
    assert "did you mean `sft-qwen`" in capsys.readouterr().err


class Terminal:
    """A forked `whet chat` behind a real pseudo-terminal."""

    def __init__(self, *arguments):
        self.seen = ""
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            code = 1
            signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background ignores it
            try:
                sys.stdin, sys.stdout, sys.stderr = (os.fdopen(fd, mode) for fd, mode in ((0, "r"), (1, "w"), (2, "w")))
                code = main(["chat", *arguments])
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)

    def type(self, text):
        os.write(self._fd, text.encode())

    def wait_for(self, text):
        """Read until `text` comes after what was waited for before; two minutes at most."""
        start, until = len(self.seen), time.monotonic() + 120
        while text not in self.seen[start:]:
            assert select.select([self._fd], [], [], max(0, until - time.monotonic()))[0], f"no {text!r}: {self.seen}"
            try:
                self.seen += os.read(self._fd, 4096).decode(errors="replace")
            except OSError:  # the terminal is closed: the program has ended
                raise AssertionError(f"no {text!r} in: {self.seen}") from None

    def insist(self, keys, text):
        """Type `keys` until `text` comes: a signal that meets `input` on its way to the terminal waits for more."""
        for _ in range(120):
            if text in self.seen:
                return
            self.type(keys)
            if select.select([self._fd], [], [], 1)[0]:
                self.seen += os.read(self._fd, 4096).decode(errors="replace")
        raise AssertionError(f"no {text!r} in: {self.seen}")

    def end(self):
        try:
            while data := os.read(self._fd, 4096):
                self.seen += data.decode(errors="replace")
        except OSError:
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_ctrl_c_stops_the_answer_and_not_the_program(model):
    terminal = Terminal(model, "--temperature", "0", "--max-new-tokens", "4000", "--device", "cpu")
    terminal.wait_for("> ")
    terminal.type("hello\n")
    terminal.wait_for(expected(model, [user("hello")]).strip()[:3])
    terminal.type("\x03")
    terminal.wait_for("> ")
    terminal.insist("\x03", "\n/exit leaves")
    terminal.type("/nonsense\n")
    terminal.wait_for("unknown command")
    terminal.type("/exit\n")
    assert terminal.end() == 0


def test_ctrl_d_leaves(model):
    terminal = Terminal(model, *GREEDY)
    terminal.wait_for("> ")
    terminal.type("\x04")
    assert terminal.end() == 0


@pytest.mark.parametrize(("no_color", "expected"), [("", "\x1b[2mhm\x1b[22myes"), ("1", "<think>hm</think>yes")])
def test_a_terminal_shows_thinking_apart_and_obeys_no_control_characters(monkeypatch, no_color, expected):
    from whet.cli.commands.chat import Screen

    monkeypatch.setenv("NO_COLOR", no_color)
    reader, writer = pty.openpty()
    screen = Screen(os.fdopen(writer, "w"))
    screen.begin()
    for text in ("\n<thi", "nk>h\x1b[2Jm</", "think>\x07yes"):
        screen.show(text)
    screen.end()
    shown = b""
    while not shown.endswith(b"\n"):
        shown += os.read(reader, 4096)
    assert shown.decode() == expected.replace("hm", "h[2Jm") + "\r\n"


@pytest.mark.parametrize(("text", "is_silent"), [("", True), ("\n ", True), ("yes", False)])
def test_an_answer_without_a_word_is_known(tmp_path, text, is_silent):
    from whet.cli.commands.chat import Screen

    with open(tmp_path / "out", "w") as out:
        screen = Screen(out)
        screen.begin()
        screen.show(text)
        screen.end()
    assert screen.is_silent is is_silent and (tmp_path / "out").read_text().endswith("\n")


def test_a_pipe_gets_no_thinking(tmp_path):
    from whet.cli.commands.chat import Screen

    with open(tmp_path / "out", "w") as out:
        screen = Screen(out)
        screen.begin(is_thinking=True)
        screen.show("hm</think>\n\nyes")
        screen.end()
    assert (tmp_path / "out").read_text() == "yes\n"
