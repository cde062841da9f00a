"""Secrets do not reach a record; what is none stays readable."""

import pytest

from whet.track.recorded.private import HIDDEN, command_without_secrets, telling_variables, without_secrets

SECRET = "pq7Zr9xKw2mLs4Tv"


@pytest.mark.parametrize(
    "text",
    [
        f"https://user:{SECRET}@host.example/repo.git",
        f"git+ssh://{SECRET}@host/x",
        f"https://host/?a=1&access_token={SECRET}&b=2",
        f"API_KEY={SECRET}",
        f'+password: "{SECRET}"',
        f"Authorization: Bearer {SECRET}",
        f"client.secret = '{SECRET}'",
        f"hf_{SECRET}{SECRET}",
        f"ghp_{SECRET}{SECRET}",
        f"sk-{SECRET}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}",
    ],
)
def test_a_secret_is_hidden(text):
    assert SECRET not in without_secrets(text) and HIDDEN in without_secrets(text)


@pytest.mark.parametrize(
    "text",
    [
        "train.batch_tokens=256", "max_new_tokens: 128", "token = next(tokens)", "author = 'Somebody Else'",
        "--model Qwen/Qwen3-0.6B", "https://host.example/a@b", "tokens_per_s = 1200", "secret_santa(12)",
        "weights.api_keys_count = len(found)", "commit 3f2a9c",
    ],
)  # fmt: skip
def test_what_is_no_secret_stays(text):
    assert without_secrets(text) == text


@pytest.mark.parametrize("word", ["a", "a.", "token=", "token", "eyJaaaaaaaaaaaa-", "a://", "1"])
def test_long_lines_without_a_space_take_no_square_of_time(word):
    text = word * ((256 << 10) // len(word)) + "("
    assert without_secrets(text) == text


def test_values_of_options_are_hidden_in_a_command():
    words = ["train", "--api-key", SECRET, "--hub-token=123", "--lr", "0.1", f"judge.api_key={SECRET}", "--token", "-x"]
    hidden = ["train", "--api-key", HIDDEN, f"--hub-token={HIDDEN}", "--lr", "0.1", f"judge.api_key={HIDDEN}"]
    assert command_without_secrets(words) == [*hidden, "--token", "-x"]


def test_only_variables_that_decide_how_a_run_computes_are_told():
    told = telling_variables({"OMP_NUM_THREADS": "4", "HF_TOKEN": SECRET, "HOME": "/home/you", "NCCL_DEBUG": "INFO"})
    assert told == {"NCCL_DEBUG": "INFO", "OMP_NUM_THREADS": "4"}
