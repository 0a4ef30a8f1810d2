// The open-loop client: GET requests at fixed times, whatever the server does.
//
// Request i is due at start + i / rate on connection i mod n. A connection that still waits for a response when one is
// due sends it afterwards, and its latency counts from when it was due: a server that stalls cannot hide requests that
// a client would have made meanwhile (coordinated omission). Every response is compared byte by byte.
//
// usage: paced SERVER-IPV4 PATH FILE CONNECTIONS RATE SECONDS CLIENT-IPV4...
//
// One request per connection comes first and is not counted. Then it prints "begin", after SECONDS "end", and then one
// JSON object with every latency in nanoseconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_LIMIT = 4096, STALL_SECONDS = 5 };
// Sleeping ends late by a timer's and a halted processor's wake-up: the last stretch before a request is due is spun.
static const uint64_t SPIN_NANOSECONDS = 80000;

struct connection {
    int socket;
    bool busy;
    uint64_t next;  // the request that is due next, or in flight when busy
    size_t received;
    size_t head;  // bytes of the response's head; 0 until it is complete
    char start[HEAD_LIMIT];
};

static struct connection *connections;
static char *content, request[512];
static size_t content_bytes, request_bytes;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static _Noreturn void fail(const char *what, size_t connection) {
    fprintf(stderr, "paced: connection %zu: %s (%s)\n", connection, what, strerror(errno));
    exit(1);
}

static void read_content(const char *path) {
    int file = open(path, O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0) fail(path, 0);
    content_bytes = (size_t)status.st_size;
    content = malloc(content_bytes + 1);
    if (content == NULL || read(file, content, content_bytes) != (ssize_t)content_bytes) fail(path, 0);
    close(file);
}

static int open_connection(const char *server, const char *client, size_t index) {
    int one = 1, descriptor = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons(80)};
    if (descriptor < 0 || inet_pton(AF_INET, client, &from.sin_addr) != 1 || inet_pton(AF_INET, server, &to.sin_addr) != 1)
        fail("bad address", index);
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(descriptor, (struct sockaddr *)&from, sizeof from) != 0) fail("bind", index);
    if (connect(descriptor, (struct sockaddr *)&to, sizeof to) != 0) fail("connect", index);
    fcntl(descriptor, F_SETFL, O_NONBLOCK);
    return descriptor;
}

static void send_request(size_t index) {
    struct connection *connection = &connections[index];
    if (send(connection->socket, request, request_bytes, MSG_NOSIGNAL) != (ssize_t)request_bytes) fail("send", index);
    connection->busy = true;
    connection->received = connection->head = 0;
}

// Checks the piece that arrived; `offset` is where it begins in the response.
static void check(size_t index, const char *piece, size_t count, size_t offset) {
    struct connection *connection = &connections[index];
    if (connection->head == 0) {
        size_t take = count < HEAD_LIMIT - 1 - offset ? count : HEAD_LIMIT - 1 - offset;
        memcpy(connection->start + offset, piece, take);
        connection->start[offset + take] = 0;
        char *end = strstr(connection->start, "\r\n\r\n"), *length = strcasestr(connection->start, "\r\ncontent-length:");
        if (end == NULL) {
            if (offset + take >= HEAD_LIMIT - 1) fail("a head without an end", index);
            return;
        }
        if (strncmp(connection->start, "HTTP/1.1 200", 12) != 0) fail("not a 200 response", index);
        if (length == NULL || length > end || strtoull(length + 17, NULL, 10) != content_bytes)
            fail("not the length of the file", index);
        connection->head = (size_t)(end + 4 - connection->start);
        if (connection->head >= offset + count) return;
        piece += connection->head - offset;
        count -= connection->head - offset;
        offset = connection->head;
    }
    size_t body = offset - connection->head;
    if (body + count > content_bytes || memcmp(content + body, piece, count) != 0) fail("wrong content", index);
}

// Reads what is there; true when the response is complete.
static bool receive(size_t index) {
    static char buffer[1 << 18];
    struct connection *connection = &connections[index];
    while (true) {
        ssize_t count = recv(connection->socket, buffer, sizeof buffer, 0);
        if (count < 0 && errno == EAGAIN) return false;
        if (count <= 0) fail(count == 0 ? "the server closed" : "receive", index);
        if (!connection->busy) fail("bytes that nobody asked for", index);
        check(index, buffer, (size_t)count, connection->received);
        connection->received += (size_t)count;
        if (connection->head != 0 && connection->received == connection->head + content_bytes) {
            connection->busy = false;
            return true;
        }
    }
}

int main(int count, char **arguments) {
    if (count < 8) return fprintf(stderr, "paced: see the top of paced.c\n"), 64;
    size_t n = strtoull(arguments[4], NULL, 10), clients = (size_t)count - 7;
    double rate = strtod(arguments[5], NULL), seconds = strtod(arguments[6], NULL);
    uint64_t total = (uint64_t)(rate * seconds);
    read_content(arguments[3]);
    request_bytes = (size_t)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", arguments[2], arguments[1]);
    connections = calloc(n, sizeof *connections);
    uint64_t *latencies = calloc(total + 1, sizeof *latencies);
    int epoll = epoll_create1(0);
    if (n == 0 || total == 0 || connections == NULL || latencies == NULL || epoll < 0) fail("set-up", 0);
    prctl(PR_SET_TIMERSLACK, 1);

    for (size_t index = 0; index < n; index++) {
        connections[index].socket = open_connection(arguments[1], arguments[7 + index % clients], index);
        connections[index].next = index;
        struct epoll_event interest = {.events = EPOLLIN, .data.u64 = index};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, connections[index].socket, &interest) != 0) fail("epoll_ctl", index);
        send_request(index);
        for (uint64_t begin = now(); !receive(index);)
            if (now() - begin > STALL_SECONDS * 1000000000ull) fail("no first response", index);
    }
    printf("begin\n");
    fflush(stdout);

    double interval = 1e9 / rate;
    uint64_t start = now() + 10000000, sent = 0, done = 0, latest_send = 0, progress = start;
    // Requests in order of when they are due; a busy connection sends its own when it is free.
    for (uint64_t due = 0; done < total;) {
        uint64_t time = now();
        for (; due < total && start + (uint64_t)((double)due * interval) <= time; due++) {
            struct connection *connection = &connections[due % n];
            if (connection->busy || connection->next != due) continue;
            uint64_t lag = time - (start + (uint64_t)((double)due * interval));
            if (lag > latest_send) latest_send = lag;
            send_request(due % n);
            sent++;
        }
        struct epoll_event events[64];
        uint64_t wake = due < total ? start + (uint64_t)((double)due * interval) : time + 100000000;
        uint64_t pause = wake > time + SPIN_NANOSECONDS ? wake - time - SPIN_NANOSECONDS : 0;
        struct timespec timeout = {.tv_sec = (time_t)(pause / 1000000000), .tv_nsec = (long)(pause % 1000000000)};
        int ready = epoll_pwait2(epoll, events, 64, &timeout, NULL);
        if (ready < 0 && errno != EINTR) fail("epoll_pwait2", 0);
        for (int event = 0; event < ready; event++) {
            size_t index = (size_t)events[event].data.u64;
            struct connection *connection = &connections[index];
            if (!receive(index)) continue;
            uint64_t finished = now(), planned = start + (uint64_t)((double)connection->next * interval);
            latencies[done++] = finished - planned;
            progress = finished;
            connection->next += n;
            // Overdue already: it waited for this response.
            if (connection->next < due) {
                send_request(index);
                sent++;
            }
        }
        if (sent > done && now() > progress + STALL_SECONDS * 1000000000ull) fail("no response for seconds", 0);
    }
    uint64_t end = now();
    printf("end\n{\"requests\": %lu, \"seconds\": %.6f, \"latest_send_ns\": %lu, \"latencies_ns\": [", (unsigned long)done,
           (double)(end - start) / 1e9, (unsigned long)latest_send);
    for (uint64_t index = 0; index < done; index++) printf(index ? ",%lu" : "%lu", (unsigned long)latencies[index]);
    printf("]}\n");
    return 0;
}
