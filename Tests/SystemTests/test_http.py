"""What the web server answers, by the letter of RFC 9110 and 9112, over real connections."""

import email.utils
import os
import re
import socket
import struct
import time

import pytest
from documents import MIB
from platform_under_test import web
from raw_http import Closed, Connection

TEXT = b"0123456789abcdefghijklmnopqrstuvwxyz\n"
# How long an open file may be served without another look at its name (cache_validity_ms).
CACHE_SECONDS = 0.25
SECRETS = (b"nobody sees dot files", b"outside the document root", b"not for everyone", b"root:")


@pytest.fixture
def server(platform):
    return platform.ensure()


def exchange(request, method="GET", timeout=10):
    """The answer to the bytes of one request on a connection of its own."""
    with Connection(timeout=timeout) as connection:
        connection.send(request)
        return connection.read(method)


def get(path, *headers, method="GET"):
    with Connection() as connection:
        return connection.fetch(path, *headers, method=method)


def request(line, *headers, body=""):
    return "".join(f"{part}\r\n" for part in (line, *headers, "")) + body


HOST = "Host: onvm.test"

# ---- One request, one status: (what it is, the bytes, the statuses that RFC 9110/9112 allow)

ANSWERS = (
    ("a file", request("GET /text.txt HTTP/1.1", HOST), {200}),
    ("the index of the root", request("GET / HTTP/1.1", HOST), {200}),
    ("the index of a directory", request("GET /directory/ HTTP/1.1", HOST), {200}),
    ("a directory without its slash", request("GET /directory HTTP/1.1", HOST), {301, 308}),
    ("a directory without an index", request("GET /empty/ HTTP/1.1", HOST), {403, 404}),
    ("a file that is not there", request("GET /absent.html HTTP/1.1", HOST), {404}),
    ("a file taken for a directory", request("GET /text.txt/ HTTP/1.1", HOST), {404}),
    ("a file nobody may read", request("GET /secret.txt HTTP/1.1", HOST), {403}),
    ("a named pipe", request("GET /pipe HTTP/1.1", HOST), {403, 404}),
    ("a loop of links", request("GET /loop HTTP/1.1", HOST), {403, 404}),
    ("a name that starts with a dot", request("GET /.hidden HTTP/1.1", HOST), {403, 404}),
    ("a query", request("GET /text.txt?a=b&c=/../d HTTP/1.1", HOST), {200}),
    ("percent-encoding", request("GET /with%20space.txt HTTP/1.1", HOST), {200}),
    ("percent-encoded UTF-8", request("GET /%C3%BCmlaut.txt HTTP/1.1", HOST), {200}),
    ("percent-encoding of plain letters", request("GET /%74ext.t%78t HTTP/1.1", HOST), {200}),
    ("a bad percent-encoding", request("GET /%zz HTTP/1.1", HOST), {400}),
    ("a percent-encoding cut short", request("GET /text.txt%2 HTTP/1.1", HOST), {400}),
    ("an encoded NUL", request("GET /text.txt%00.html HTTP/1.1", HOST), {400, 404}),
    ("an absolute target", request("GET http://onvm.test/text.txt HTTP/1.1", HOST), {200}),
    ("an empty line before the request", "\r\n" + request("GET /text.txt HTTP/1.1", HOST), {200}),
    ("a field without a value", request("GET /text.txt HTTP/1.1", HOST, "X-Empty:"), {200}),
    ("white space around a value", request("GET /text.txt HTTP/1.1", "Host: \t onvm.test \t "), {200}),
    ("HTTP/1.1 without Host", request("GET /text.txt HTTP/1.1"), {400}),
    ("two Hosts", request("GET /text.txt HTTP/1.1", HOST, "Host: other.test"), {400}),
    ("a Host with a space", request("GET /text.txt HTTP/1.1", "Host: a b"), {400}),
    ("a Host with a path", request("GET /text.txt HTTP/1.1", "Host: a/b"), {400}),
    ("HTTP/1.0 without Host", request("GET /text.txt HTTP/1.0"), {200}),
    ("a later minor version", request("GET /text.txt HTTP/1.2", HOST), {200, 505}),
    ("HTTP/2.0", request("GET /text.txt HTTP/2.0", HOST), {505}),
    ("HTTP/0.9 with a version", request("GET /text.txt HTTP/0.9", HOST), {400, 505}),
    ("a lower-case version", request("GET /text.txt http/1.1", HOST), {400}),
    ("no version", request("GET /text.txt", HOST), {400}),
    ("two spaces", request("GET  /text.txt HTTP/1.1", HOST), {400}),
    ("a space in the target", request("GET /with space.txt HTTP/1.1", HOST), {400}),
    ("a relative target", request("GET text.txt HTTP/1.1", HOST), {400}),
    ("a method that is no token", request("G(ET /text.txt HTTP/1.1", HOST), {400}),
    ("a method nobody knows", request("FROB /text.txt HTTP/1.1", HOST), {405, 501}),
    ("a lower-case method", request("get /text.txt HTTP/1.1", HOST), {400, 405, 501}),
    ("DELETE", request("DELETE /text.txt HTTP/1.1", HOST), {405}),
    ("POST with a body", request("POST /text.txt HTTP/1.1", HOST, "Content-Length: 5", body="hello"), {405}),
    ("PUT with a chunked body",
     request("PUT /text.txt HTTP/1.1", HOST, "Transfer-Encoding: chunked", body="5\r\nhello\r\n0\r\n\r\n"), {405}),
    ("POST without a length", request("POST /text.txt HTTP/1.1", HOST), {405, 411}),
    ("POST of a terabyte", request("POST /text.txt HTTP/1.1", HOST, "Content-Length: 1099511627776"), {405, 413}),
    ("TRACE", request("TRACE /text.txt HTTP/1.1", HOST), {405, 501}),
    ("CONNECT", request("CONNECT onvm.test:80 HTTP/1.1", HOST), {400, 405, 501}),
    ("a long target", request(f"GET /{'a' * 100_000} HTTP/1.1", HOST), {414}),
    ("a long method", request(f"{'A' * 100_000} / HTTP/1.1", HOST), {400, 414, 501}),
    ("a long field", request("GET /text.txt HTTP/1.1", HOST, f"X-Long: {'a' * 100_000}"), {431}),
    ("many fields", request("GET /text.txt HTTP/1.1", HOST, *(f"X-{i}: {i}" for i in range(5_000))), {431}),
    ("an unknown transfer coding", request("POST /text.txt HTTP/1.1", HOST, "Transfer-Encoding: frob"),
     {400, 405, 501}),
    ("an unknown expectation",
     request("GET /text.txt HTTP/1.1", HOST, "Expect: the-unexpected"), {200, 417}),
    ("a space before the colon", request("GET /text.txt HTTP/1.1", HOST, "X-Bad : 1"), {400}),
    ("a space before the first field", request("GET /text.txt HTTP/1.1", " X-Bad: 1", HOST), {400}),
    ("a folded field", request("GET /text.txt HTTP/1.1", HOST, "X-Folded: a", "  b"), {400}),
    ("a field without a colon", request("GET /text.txt HTTP/1.1", HOST, "nonsense"), {400}),
    ("a field without a name", request("GET /text.txt HTTP/1.1", HOST, ": value"), {400}),
    ("NUL in a field", request("GET /text.txt HTTP/1.1", HOST, "X-Nul: a\0b"), {400}),
    ("a bare CR in a field", request("GET /text.txt HTTP/1.1", HOST, "X-Cr: a\rb"), {400}),
    ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) + b"\r\n\r\n", {400}),
    ("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
)


@pytest.mark.product
@pytest.mark.parametrize("sent, statuses", [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS])
def test_status(server, sent, statuses):
    response = exchange(sent)
    assert response.status in statuses, f"{response.status} {response.reason}"
    assert response.version == "HTTP/1.1"
    for secret in SECRETS:
        assert secret not in response.body
    if response.status == 405:
        # Allow is a must: RFC 9110 §15.5.6.
        assert {"GET", "HEAD"} <= set(re.split(r",\s*", response.headers["allow"]))
    if response.status == 301:
        assert response.headers["location"].endswith("/directory/")


# ---- Framing: what could be read in two ways is refused, and nothing behind it is answered (RFC 9112 §6, §11.2)

SMUGGLED = request("GET /text.txt HTTP/1.1", HOST)

AMBIGUOUS = (
    ("length and chunked", ("Content-Length: 4", "Transfer-Encoding: chunked"), "0\r\n\r\n"),
    ("two lengths", ("Content-Length: 0", "Content-Length: 5"), ""),
    ("a list of lengths", ("Content-Length: 0, 5",), ""),
    ("a length with a sign", ("Content-Length: +0",), ""),
    ("a negative length", ("Content-Length: -1",), ""),
    ("a hexadecimal length", ("Content-Length: 0x0",), ""),
    ("a length beyond 64 bits", ("Content-Length: 18446744073709551616",), ""),
    ("an empty length", ("Content-Length:",), ""),
    ("chunked is not last", ("Transfer-Encoding: chunked, identity",), "0\r\n\r\n"),
    ("chunked twice", ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), "0\r\n\r\n"),
    ("chunked by another name", ("Transfer-Encoding: xchunked",), "0\r\n\r\n"),
    ("chunked with a vertical tab", ("Transfer-Encoding: \x0bchunked",), "0\r\n\r\n"),
    ("a chunk size that is no number", ("Transfer-Encoding: chunked",), "zz\r\n\r\n"),
    ("a chunk size beyond 64 bits", ("Transfer-Encoding: chunked",), "10000000000000000\r\n\r\n"),
    ("a chunk without its CRLF", ("Transfer-Encoding: chunked",), "1\r\naX0\r\n\r\n"),
)


@pytest.mark.product
@pytest.mark.parametrize("headers, body", [case[1:] for case in AMBIGUOUS], ids=[case[0] for case in AMBIGUOUS])
def test_ambiguous_framing_ends_the_connection(server, headers, body):
    with Connection() as connection:
        connection.send(request("POST /text.txt HTTP/1.1", HOST, *headers, body=body) + SMUGGLED)
        response = connection.read()
        assert response.status in (400, 405, 411, 413, 501), response.status
        try:
            rest = connection.rest()
        except ConnectionResetError:
            rest = b""
        assert TEXT not in rest, "the bytes after an ambiguous message were answered as a request"


@pytest.mark.parametrize("framing", (
    request("POST /text.txt HTTP/1.1", HOST, f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED),
    request("POST /text.txt HTTP/1.1", HOST, "Transfer-Encoding: chunked",
            body=f"{len(SMUGGLED):x}\r\n{SMUGGLED}\r\n0\r\n\r\n"),
), ids=("length", "chunked"))
def test_a_body_is_never_read_as_a_request(server, framing):
    with Connection() as connection:
        connection.send(framing + request("GET /data.json HTTP/1.1", HOST, "Connection: close"))
        assert connection.read().status in (405, 411, 413)
        try:
            rest = connection.rest()
        except ConnectionResetError:
            rest = b""
    assert TEXT not in rest
    # Either the connection ends there, or the request behind the body is answered.
    assert rest == b"" or rest.endswith(b'{"answer": 42}\n')


# ---- Paths stay below the document root

ESCAPES = (
    "/../outside.txt", "/directory/../../outside.txt", "/%2e%2e/outside.txt", "/..%2foutside.txt",
    "/%2e%2e%2foutside.txt", "/directory/%2e%2e/%2e%2e/outside.txt", "/.%2e/outside.txt", "/..\\outside.txt",
    "/..%5coutside.txt", "/..;/outside.txt",
    "/%252e%252e/outside.txt", "/..%c0%afoutside.txt", "/link-outside.txt", "/link-parent/outside.txt",
    "/link-absolute.txt", "//etc/passwd", "///etc/passwd", "/./../outside.txt", "/directory/..//../outside.txt",
    "http://onvm.test/../outside.txt", "/text.txt/../../outside.txt",
) + tuple("/" + "../" * depth + "etc/passwd" for depth in (1, 8, 64)) + ("/proc/self/environ", "/..%00/outside.txt")


@pytest.mark.parametrize("path", ESCAPES)
def test_no_path_leaves_the_document_root(server, path):
    if server.name == "nginx" and path.startswith("/link"):
        return  # nginx follows symbolic links; ours must not
    response = get(path)
    assert response.status in (400, 403, 404), response.status
    for secret in SECRETS:
        assert secret not in response.body


# ---- Representations: types, validators, ranges

@pytest.mark.parametrize("path, kind", (
    ("/page.html", "text/html"), ("/style.css", "text/css"), ("/data.json", "application/json"),
    ("/text.txt", "text/plain"), ("/unknown.zzz", "application/octet-stream")))
def test_content_type(server, path, kind):
    assert get(path).headers["content-type"].split(";")[0] == kind


def test_metadata(server, documents):
    response = get("/text.txt")
    assert response.body == TEXT
    assert response.headers["content-length"] == str(len(TEXT))
    assert re.fullmatch(r'(W/)?"[\x21\x23-\x7e]+"', response.headers["etag"]), "RFC 9110 §8.8.3"
    assert response.headers["accept-ranges"] == "bytes"
    modified = email.utils.parsedate_to_datetime(response.headers["last-modified"])
    assert int(modified.timestamp()) == int(os.stat(documents.root / "text.txt").st_mtime)
    assert abs(email.utils.parsedate_to_datetime(response.headers["date"]).timestamp() - time.time()) < 5
    for field in ("date", "last-modified"):
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", response.headers[field]), "IMF-fixdate"


def test_head_is_get_without_the_body(server):
    full = get("/text.txt")
    with Connection() as connection:
        head = connection.fetch("/text.txt", method="HEAD")
        after = connection.fetch("/data.json")
    for field in ("content-length", "content-type", "etag", "last-modified", "accept-ranges"):
        assert head.headers[field] == full.headers[field]
    assert after.body == b'{"answer": 42}\n'


@pytest.mark.product
@pytest.mark.parametrize("target", ("*", "/text.txt"))
def test_options(server, target):
    response = exchange(request(f"OPTIONS {target} HTTP/1.1", HOST))
    assert response.status in (200, 204)
    assert {"GET", "HEAD", "OPTIONS"} <= set(re.split(r",\s*", response.headers["allow"]))


@pytest.mark.product  # nginx wants both conditions true where RFC 9110 lets If-None-Match decide
def test_conditional_requests(server):
    first = get("/text.txt")
    tag, modified = first.headers["etag"], first.headers["last-modified"]
    past, future = "Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 31 Dec 2100 23:59:59 GMT"
    for headers, status in (
        ((f"If-None-Match: {tag}",), 304),
        ((f'If-None-Match: "other", {tag}',), 304),
        (("If-None-Match: *",), 304),
        (('If-None-Match: "other"',), 200),
        ((f"If-Modified-Since: {modified}",), 304),
        ((f"If-Modified-Since: {past}",), 200),
        (("If-Modified-Since: nonsense",), 200),
        ((f"If-None-Match: {tag}", f"If-Modified-Since: {past}"), 304),  # If-None-Match decides, RFC 9110 §13.2.2
        (('If-None-Match: "other"', f"If-Modified-Since: {modified}"), 200),
        (('If-Match: "other"',), 412),
        (("If-Match: *",), 200),
        ((f"If-Unmodified-Since: {past}",), 412),
        ((f"If-Unmodified-Since: {future}",), 200),
    ):
        response = get("/text.txt", *headers)
        assert response.status == status, f"{headers}: {response.status}"
        if status == 304:
            assert response.headers["etag"] == tag, "RFC 9110 §15.4.5: what a 200 would have said"
            assert response.body == b""


def test_a_new_version_of_a_file_has_other_validators(server, documents):
    documents.write("changing.txt", b"first\n")
    before = get("/changing.txt")
    replacement = documents.write("changing.new", b"second!\n")
    replacement.rename(documents.root / "changing.txt")
    time.sleep(CACHE_SECONDS)
    after = get("/changing.txt", f"If-None-Match: {before.headers['etag']}")
    assert (before.body, after.status, after.body) == (b"first\n", 200, b"second!\n")


RANGES = (
    ("bytes=0-0", 206, (0, 0)), ("bytes=0-9", 206, (0, 9)), ("bytes=5-", 206, (5, 36)), ("bytes=-5", 206, (32, 36)),
    ("bytes=30-99", 206, (30, 36)), ("bytes=-99", 206, (0, 36)), ("bytes=36-36", 206, (36, 36)),
    ("bytes=37-", 416, None), ("bytes=99-100", 416, None), ("bytes=-0", 416, None),
    ("bytes=9-5", 200, None), ("bytes=a-b", 200, None), ("lines=0-9", 200, None), ("bytes=", 200, None),
)


@pytest.mark.parametrize("field, status, part", RANGES, ids=[case[0] for case in RANGES])
def test_range(server, field, status, part):
    if server.name == "nginx" and status == 200 and field.startswith("bytes="):
        return  # nginx answers 416 to a malformed range; RFC 9110 §14.2 says it is to be ignored
    response = get("/text.txt", f"Range: {field}")
    assert response.status == status
    if part:
        assert response.body == TEXT[part[0]: part[1] + 1]
        assert response.headers["content-range"] == f"bytes {part[0]}-{part[1]}/{len(TEXT)}"
    elif status == 416:
        assert response.headers["content-range"] == f"bytes */{len(TEXT)}"
    else:
        assert response.body == TEXT


def test_several_ranges(server):
    response = get("/text.txt", "Range: bytes=0-4, 10-14, -3")
    assert response.status == 206
    boundary = re.search(r'multipart/byteranges; ?boundary="?([^";]+)', response.headers["content-type"])[1].encode()
    parts = response.body.split(b"--" + boundary)
    assert parts[0].strip() == b"" and parts[-1].strip() == b"--"
    assert [part.split(b"\r\n\r\n", 1)[1][:-2] for part in parts[1:-1]] == [TEXT[0:5], TEXT[10:15], TEXT[-3:]]
    for part, (first, last) in zip(parts[1:-1], ((0, 4), (10, 14), (34, 36))):
        assert f"content-range: bytes {first}-{last}/{len(TEXT)}".encode() in part.lower()


@pytest.mark.product
def test_many_small_ranges_are_not_an_amplifier(server):
    """RFC 9110 §17.15: a request of a few KB must not cost the server gigabytes."""
    response = get("/10485760.bin", "Range: bytes=" + ",".join("0-" for _ in range(300)))
    assert response.status in (200, 206, 400, 416, 431)
    assert len(response.body) <= 11 * MIB


def test_if_range(server):
    tag = get("/text.txt").headers["etag"]
    assert get("/text.txt", "Range: bytes=0-4", f"If-Range: {tag}").status == 206
    assert get("/text.txt", "Range: bytes=0-4", 'If-Range: "other"').body == TEXT


def test_ranges_of_a_large_file_add_up(server, documents):
    size, step = 10 * MIB, 3_333_333
    body = b""
    with Connection() as connection:
        for first in range(0, size, step):
            response = connection.fetch(documents.path(size), f"Range: bytes={first}-{first + step - 1}")
            assert response.status == 206
            body += response.body
    assert body == documents.content(size)


# ---- Connections

@pytest.mark.parametrize("lines, stays", (
    (("GET /text.txt HTTP/1.1", HOST), True),
    (("GET /text.txt HTTP/1.1", HOST, "Connection: close"), False),
    (("GET /text.txt HTTP/1.1", HOST, "Connection: x-other, CLOSE"), False),
    (("GET /text.txt HTTP/1.0",), False),
    (("GET /text.txt HTTP/1.0", "Connection: keep-alive"), True)))
def test_persistence(server, lines, stays):
    with Connection() as connection:
        connection.send(request(*lines))
        response = connection.read()
        assert response.body == TEXT
        if stays:
            connection.send(request("GET /data.json HTTP/1.1", HOST))
            assert connection.read().status == 200
        else:
            assert response.headers.get("connection", "close").lower() == "close"
            assert connection.closed_by_server()


@pytest.mark.product  # nginx takes a half-close for a client that left
def test_the_client_closes_its_half_first(server, documents):
    with Connection() as connection:
        connection.get(documents.path(10 * MIB), "Connection: close")
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.read().digest == documents.digest(10 * MIB)
        assert connection.closed_by_server()


@pytest.mark.product
def test_expect_continue(server):
    with Connection() as connection:
        connection.send(request("POST /text.txt HTTP/1.1", HOST, "Content-Length: 5", "Expect: 100-continue"))
        response = connection.read_any()
        if response.status == 100:
            connection.send("hello")
            response = connection.read()
        assert response.status in (405, 413, 417)


@pytest.mark.product
def test_an_error_in_a_pipeline_answers_what_came_before(server):
    with Connection() as connection:
        connection.send(request("GET /text.txt HTTP/1.1", HOST) + request("GET /absent HTTP/1.1", HOST)
                        + request("GET /data.json HTTP/1.1", HOST) + "nonsense\r\n\r\n" + SMUGGLED)
        assert [connection.read().status for _ in range(4)] == [200, 404, 200, 400]
        assert connection.closed_by_server()


def test_a_client_that_resets_in_the_middle(server, documents):
    for _ in range(20):
        with Connection() as connection:
            connection.get(documents.path(10 * MIB))
            connection.socket.recv(10_000)
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert get("/text.txt").body == TEXT


@pytest.fixture
def impatient(platform, documents):
    """A server that waits for nobody longer than a second or two."""
    return platform.ensure(web(documents.root, options={
        "header_timeout_ms": 1000, "idle_timeout_ms": 2000, "body_timeout_ms": 1000}))


@pytest.mark.product
def test_a_request_that_never_ends_is_timed_out(impatient):
    """RFC 9110 §15.5.9: 408, then the end; a byte now and then does not buy more time."""
    with Connection(timeout=6) as connection:
        connection.send("GET /text.txt HTTP/1.1\r\nHost: onvm.test\r\nX-Slow: ")
        for _ in range(4):
            time.sleep(0.4)
            try:
                connection.send("a")
            except OSError:
                break
        assert connection.read().status == 408
        assert connection.closed_by_server()


@pytest.mark.product
def test_a_body_that_never_comes_is_timed_out(impatient):
    with Connection(timeout=6) as connection:
        connection.send(request("POST /text.txt HTTP/1.1", HOST, "Content-Length: 100", body="not all"))
        try:
            assert connection.read().status in (405, 408)
        except Closed:
            pass
        assert connection.closed_by_server()


@pytest.mark.product
def test_an_idle_connection_is_closed_without_a_word(impatient):
    with Connection(timeout=6) as silent, Connection(timeout=6) as served:
        assert served.fetch("/text.txt").status == 200
        started = time.monotonic()
        assert served.closed_by_server()
        assert 1 < time.monotonic() - started < 4
        try:
            assert silent.read().status == 408
        except Closed:
            pass


# ---- Files that change under the server

def test_a_file_truncated_while_it_is_served(server, documents):
    """The response cannot be completed: it ends early, and nothing else does."""
    size = 50 * MIB
    file = documents.write("shrinking.bin", bytes(size))
    with Connection() as other, Connection() as connection:
        assert other.fetch("/text.txt").body == TEXT
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.get("/shrinking.bin")
        received = len(connection.socket.recv(65536))
        os.truncate(file, MIB)
        try:
            while data := connection.socket.recv(1 << 18):
                received += len(data)
        except ConnectionResetError:
            pass
        assert received < size, "bytes that do not exist were served"
        assert other.fetch("/text.txt").body == TEXT, "another connection of the same client broke"
    file.unlink()


def test_a_file_replaced_while_it_is_served(server, documents):
    """A response is of one version of the file: the one it began with."""
    old = bytes([1]) * (20 * MIB)
    documents.write("replaced.bin", old)
    with Connection() as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.get("/replaced.bin")
        connection.wait_for_data()
        documents.write("replaced.new", bytes([2]) * (20 * MIB)).rename(documents.root / "replaced.bin")
        assert connection.read().body == old
    time.sleep(CACHE_SECONDS)
    assert get("/replaced.bin").body[:1] == bytes([2])
    (documents.root / "replaced.bin").unlink()


def test_a_file_deleted_while_it_is_served(server, documents):
    content = bytes([3]) * (20 * MIB)
    file = documents.write("deleted.bin", content)
    with Connection() as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.get("/deleted.bin")
        connection.wait_for_data()
        file.unlink()
        assert connection.read().body == content
        time.sleep(CACHE_SECONDS)
        assert connection.fetch("/deleted.bin").status == 404
