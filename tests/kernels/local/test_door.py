"""Only who knows the key comes in, and no web page; another user of the machine stays outside."""

import base64
import http.client
import os
import re
import subprocess

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from kernels.__main__ import main
from kernels.local import LocalKaggle
from support import toy_competition as toy
from support.tiny import KEY

CALL = "/api/v1/kernels.KernelsApiService/ListKernels"
TOKEN = {"Authorization": f"Bearer {KEY}"}


def basic(password: str, user: str = "alice") -> dict[str, str]:
    words = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {words}"}


def send(port: int, headers: dict[str, str], target: str = CALL, method: str = "POST") -> int:
    """The status of a request that is written as it stands; ``PORT`` in it is the server's."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest(method, target.replace("PORT", str(port)), skip_host=True)
    for name, value in {"Host": "127.0.0.1:PORT", "Content-Length": "0", **headers}.items():
        connection.putheader(name, value.replace("PORT", str(port)))
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (basic(KEY), 200),
        (basic(KEY, "bob"), 200),
        (TOKEN, 200),
        ({}, 401),
        (basic("key"), 401),
        (basic(""), 401),
        (basic(f"{KEY}x"), 401),
        (basic("é"), 401),
        ({"Authorization": "Basic x"}, 401),
        ({"Authorization": f"Digest {KEY}"}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({**TOKEN, "Host": "localhost:PORT"}, 200),
        ({**TOKEN, "Host": "LOCALHOST:PORT"}, 200),
        *(
            ({**TOKEN, "Host": host}, 403)
            for host in (
                *("evil.example:PORT", "127.0.0.1", "localhost", "127.0.0.1:1", "0.0.0.0:PORT"),
                *("localhost.evil.example:PORT", "localhost:PORT.evil.example", ""),
            )
        ),
        ({**TOKEN, "Origin": "http://127.0.0.1:PORT"}, 200),
        *(
            ({**TOKEN, "Origin": origin}, 403)
            for origin in ("http://evil.example", "null", "https://127.0.0.1:PORT", "http://[")
        ),
        ({**TOKEN, "Origin": "http://127.0.0.1:PORT@evil.example"}, 403),
        ({**TOKEN, "Referer": "http://evil.example/page"}, 403),
        ({**TOKEN, "Referer": "http://localhost:PORT/page"}, 200),
        ({**TOKEN, "Sec-Fetch-Site": "cross-site"}, 403),
        ({**TOKEN, "Sec-Fetch-Site": "same-site"}, 403),
        ({**TOKEN, "Sec-Fetch-Site": "none"}, 200),
    ],
)
def test_who_comes_in(serve, headers, status):
    kaggle, _ = serve()
    assert send(int(kaggle.url.rpartition(":")[2]), headers) == status


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://localhost", 200),
        ("http://127.0.0.1:PORT", 200),
        ("http://evil.example", 403),
        ("http://evil.example:PORT", 403),
        ("http://localhost@evil.example", 403),
        ("https://localhost", 403),
    ],
)
def test_as_a_proxy_it_stands_for_localhost_alone(serve, target, status):
    """The address that is asked for counts then, not the Host header."""
    kaggle, _ = serve()
    port = int(kaggle.url.rpartition(":")[2])
    for host in ("localhost", "evil.example"):
        assert send(port, {**TOKEN, "Host": host}, target + CALL) == status


NAMES = st.sampled_from(
    [
        *(
            "127.0.0.1",
            "localhost",
            "evil.example",
            "localhost.",
            "127.0.0.1.evil.example",
            "[::1]",
        ),
        *("0x7f.1", "2130706433", "0.0.0.0", "", "user@127.0.0.1", "127.0.0.1#", "127.0.0.1 "),
    ]
)
PORTS = st.sampled_from(["", ":", ":PORT", ":80", ":1", ":PORT0", ":0PORT", ":PORT/", ":PORT,x:1"])
TEXT = st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=9)
OURS = st.sampled_from(["127.0.0.1:PORT", "localhost:PORT"])
HOSTS = OURS | st.builds("{}{}".format, NAMES, PORTS) | TEXT


@pytest.fixture(scope="module")
def open_port(tmp_path_factory):
    with LocalKaggle(tmp_path_factory.mktemp("door") / "state", [], key=KEY) as kaggle:
        yield int(kaggle.url.rpartition(":")[2])


@settings(max_examples=500, deadline=None)
@given(host=HOSTS, page=st.none() | HOSTS, header=st.sampled_from(["Origin", "Referer"]))
def test_no_other_host_or_origin_comes_in(open_port, host, page, header):
    ours = ("127.0.0.1:port", "localhost:port")
    headers = {**TOKEN, "Host": host}
    if page is not None:
        headers[header] = f"http://{page}/"
    own_page = page is None or page.partition("/")[0].lower() in ours
    assert send(open_port, headers) == (200 if host.strip().lower() in ours and own_page else 403)


def test_transfers_have_addresses_that_nobody_guesses(client):
    toy.run(client, "alice/some-kernel", "open('out.txt', 'w').write('1')")
    [file] = toy.output(client, "alice/some-kernel").files
    start = {"content_length": 1, "last_modified_epoch_seconds": 0}
    upload = toy.ask_toy(client, "start_submission_upload", file_name="a.csv", **start).create_url
    for url, verb in ((file.url, requests.get), (upload, requests.put)):
        [secret] = re.findall("/([0-9a-f]{32})", url)
        assert verb(url, timeout=30).status_code == 200
        assert verb(url, timeout=30, headers={"Origin": "http://evil.example"}).status_code == 403
        assert verb(url.replace(secret, "0" * 32), timeout=30).status_code == 404


def test_each_server_has_a_key_of_its_own(tmp_path):
    keys = set()
    for name in ("one", "other"):
        with LocalKaggle(tmp_path / name, []) as kaggle:
            keys.add(kaggle.key)
    assert [len(key) for key in keys] == [32, 32]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a process as another user")
def test_another_user_of_the_machine_stays_outside(serve):
    kaggle, _ = serve()
    port = kaggle.url.rpartition(":")[2]

    def push(*headers: str) -> str:
        lines = (f"POST {CALL.replace('ListKernels', 'SaveKernel')} HTTP/1.0", *headers)
        request = "".join(f"{line}\r\n" for line in (*lines, "Content-Length: 2", "", "{}"))
        script = f'exec 3<>/dev/tcp/127.0.0.1/{port}; printf "%s" "$1" >&3; id -u; head -n 1 <&3'
        command = ["bash", "-c", script, "bash", request]
        nobody = {"user": 65534, "group": 65534, "extra_groups": [], "cwd": "/"}
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, **nobody)
        uid, status = answer.stdout.splitlines()[:2]
        assert uid == "65534"
        return status.split()[1]

    host = f"Host: 127.0.0.1:{port}"
    assert push(host) == "401"
    assert push(host, f"Authorization: {basic('local')['Authorization']}") == "401"
    assert push("Host: evil.example", f"Authorization: {TOKEN['Authorization']}") == "403"
    assert push(host, f"Authorization: {TOKEN['Authorization']}") == "200"


# The state


def test_the_state_is_its_owners_alone(tmp_path):
    (tmp_path / "state").mkdir(mode=0o755)
    for state in (tmp_path / "state", tmp_path / "new" / "state"):
        with LocalKaggle(state, []):
            assert state.stat().st_mode & 0o777 == 0o700


def test_a_folder_with_other_things_is_no_state(tmp_path):
    (tmp_path / "datasets").mkdir()  # a data set may be there before the first start
    LocalKaggle(tmp_path, []).close()
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(UserError, match="has other things in it, such as thesis.txt: name a new"):
        LocalKaggle(tmp_path, [])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--state", "/proc/state"], "/proc/state cannot be the local Kaggle's state ("),
        (["--state", "{file}"], "{file}/file is not a folder: name a new one"),
        (["--state", "{file}/deeper"], "{file}/file/deeper cannot be the local"),
        *(
            (["--port", port], f"--port {port!r}: a number")
            for port in ("-1", "abc", "1.5", "", "65536")
        ),
    ],
)
def test_what_cannot_be_served_is_one_line(tmp_path, capsys, options, said):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as end:
        main(["serve", *(word.format(file=tmp_path / "file") for word in options)])
    *_, line = capsys.readouterr().err.splitlines()  # others are not served, which is said
    assert end.value.code == 1
    assert line.startswith(f"error: {said.format(file=tmp_path)}")
